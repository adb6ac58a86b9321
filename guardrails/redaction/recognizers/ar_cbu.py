"""CBU, the Argentine bank account key: 22 digits with a check digit in each of its two blocks (BCRA)."""

from __future__ import annotations

from stdnum.ar import cbu

from guardrails.redaction.recognizer import Form, Recognizer, digits

RECOGNIZER = Recognizer(
    entity="CBU",
    forms=(Form(r"\d{8}[ -]?\d{14}"),),
    example="cbu 2850590940090418135201",
    validate=cbu.is_valid,
    normalise=digits,
)
