"""RUC, the Peruvian tax id: eleven digits that begin with the kind of taxpayer, one check digit (SUNAT)."""

from __future__ import annotations

from stdnum.pe import ruc

from guardrails.redaction.recognizer import CHECKED, Number, Recognizer, digits


def _valid(text: str) -> bool:
    return ruc.is_valid(digits(text))


RECOGNIZER = Recognizer(
    entity="RUC",
    forms=(),
    numbers=(Number((11,), needs_context=True, score=CHECKED),),
    example="ruc 20512333797",
    validate=_valid,
    validator="stdnum.pe.ruc",
    context=("ruc", "sunat"),
    normalise=digits,
)
