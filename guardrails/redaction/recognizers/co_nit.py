"""NIT, the Colombian tax id: eight to ten digits and one check digit (DIAN)."""

from __future__ import annotations

from stdnum.co import nit

from guardrails.redaction.recognizer import Form, Recognizer, digits

RECOGNIZER = Recognizer(
    entity="NIT",
    forms=(Form(r"\d{1,3}\.\d{3}\.\d{3}-\d"), Form(r"\d{8,10}-?\d", needs_context=True)),
    example="nit 213.123.432-1",
    validate=nit.is_valid,
    context=("nit", "tax_id", "rut"),
    normalise=digits,
)
