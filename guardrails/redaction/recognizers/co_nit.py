"""NIT, the Colombian tax id: eight to ten digits and one check digit (DIAN)."""

from __future__ import annotations

from stdnum.co import nit

from guardrails.redaction.recognizer import CHECKED, SEPARATOR, Form, Number, Recognizer, digits


def _valid(text: str) -> bool:
    return nit.is_valid(digits(text))


RECOGNIZER = Recognizer(
    entity="NIT",
    forms=(
        Form(r"\d{3}\.\d{3}\.\d{3}-\d", score=CHECKED),
        Form(rf"\d{{1,3}}{SEPARATOR}\d{{3}}{SEPARATOR}\d{{3}}{SEPARATOR}\d", needs_context=True, score=CHECKED),
        Form(r"\d{8,10}[- ]\d", needs_context=True, score=CHECKED),
    ),
    numbers=(Number((9, 10, 11), needs_context=True, score=CHECKED),),
    example="nit 213.123.432-1",
    validate=_valid,
    validator="stdnum.co.nit",
    context=("nit", "n.i.t", "tax_id", "rut"),
    normalise=digits,
)
