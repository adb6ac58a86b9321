"""CUIT/CUIL, the Argentine tax id: eleven digits, one check digit, which one in ten random numbers satisfies (AFIP)."""

from __future__ import annotations

from stdnum.ar import cuit

from guardrails.redaction.recognizer import CHECKED, GAP, SEPARATOR, Form, Number, Recognizer, digits

_KIND = "(?:2[03457]|3[034])"


def _valid(text: str) -> bool:
    return cuit.is_valid(digits(text))


RECOGNIZER = Recognizer(
    entity="CUIT",
    forms=(
        Form(rf"{_KIND}{SEPARATOR}(?:\d{{8}}|\d{{2}}\.\d{{3}}\.\d{{3}}){SEPARATOR}\d", score=CHECKED),
        Form(rf"{_KIND}{GAP}\d{{2}}{GAP}\d{{3}}{GAP}\d{{3}}{GAP}\d", needs_context=True, score=CHECKED),
    ),
    numbers=(Number((11,), needs_context=True, score=CHECKED),),
    example="cuit 20-05536168-2",
    validate=_valid,
    validator="stdnum.ar.cuit",
    context=("cuit", "cuil", "afip", "arca", "tax", "tax_id", "documento", "document"),
    normalise=digits,
)
