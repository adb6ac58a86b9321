"""CUIT/CUIL, the Argentine tax id: eleven digits, one check digit, which one in ten random numbers satisfies (AFIP)."""

from __future__ import annotations

from stdnum.ar import cuit

from guardrails.redaction.recognizer import Form, Recognizer, digits

RECOGNIZER = Recognizer(
    entity="CUIT",
    forms=(Form(r"(?:2[03457]|3[034])-\d{8}-\d"), Form(r"(?:2[03457]|3[034])\d{9}", needs_context=True)),
    example="cuit 20-05536168-2",
    validate=cuit.is_valid,
    context=("cuit", "cuil", "afip", "tax", "tax_id", "documento", "document"),
    normalise=digits,
)
