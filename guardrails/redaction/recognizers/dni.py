"""National identity numbers without a check digit: the Argentine and the Peruvian DNI, Colombian and other cédulas.
Seven to ten digits say nothing alone: a context word must name them."""

from __future__ import annotations

from guardrails.redaction.recognizer import NEAR, Form, Number, Recognizer, digits


def _plausible(text: str) -> bool:
    number = digits(text)
    return 7 <= len(number) <= 10 and len(set(number)) > 1


RECOGNIZER = Recognizer(
    entity="DNI",
    forms=(Form(r"\d{1,3}[. ]\d{3}[. ]\d{3}(?:[. ]\d{3})?(?:-\d)?", needs_context=True, score=NEAR),),
    numbers=(Number((7, 8, 9, 10), needs_context=True, score=NEAR),),
    example="dni 25.123.456",
    validate=_plausible,
    context=(
        "dni",
        "d.n.i",
        "cedula",
        "cédula",
        "c.c",
        "cc:",
        "cc=",
        "documento de identidad",
        "documento nacional",
        "libreta",
    ),
    normalise=digits,
)
