"""CI, the Uruguayan identity number: six or seven digits and a check digit (Dirección Nacional de Identificación
Civil).

The digits, with zeros in front to make seven, are weighed 2, 9, 8, 7, 6, 3, 4; the check digit makes the sum a multiple
of ten.

The word alone (`ci`) is no context: in a log it is continuous integration."""

from __future__ import annotations

from guardrails.redaction.recognizer import CHECKED, SEPARATOR, Form, Number, Recognizer, digits

_WEIGHTS = (2, 9, 8, 7, 6, 3, 4)


def check_digit(body: str) -> str:
    """Of the six or seven digits before it."""
    return str(-sum(weight * int(digit) for weight, digit in zip(_WEIGHTS, body.zfill(7), strict=True)) % 10)


def is_valid(text: str) -> bool:
    number = digits(text)
    return 7 <= len(number) <= 8 and len(set(number)) > 1 and check_digit(number[:-1]) == number[-1]


RECOGNIZER = Recognizer(
    entity="CI",
    forms=(
        Form(r"[1-9]\.\d{3}\.\d{3}-\d", score=CHECKED),
        Form(rf"\d(?:{SEPARATOR}\d{{3}}){{2}}{SEPARATOR}\d", needs_context=True, score=CHECKED),
        Form(r"(?:\d{3}\.\d{3}|\d{6,7})[-/ ]\d", needs_context=True, score=CHECKED),
    ),
    numbers=(Number((7, 8), needs_context=True, score=CHECKED),),
    example="ci 1.234.567-2",
    validate=is_valid,
    validator="check digit (DNIC)",
    context=("ci:", "ci=", 'ci"', "ci nro", "nro_ci", "c.i", "cedula", "cédula", "documento"),
    normalise=digits,
)
