"""RUT/RUN, the Chilean tax id: seven or eight digits and a check character 0-9 or K."""

from __future__ import annotations

from stdnum.cl import rut

from guardrails.redaction.recognizer import Form, Recognizer, alphanumerics

RECOGNIZER = Recognizer(
    entity="RUT",
    forms=(Form(r"\d{1,2}\.\d{3}\.\d{3}-[0-9kK]"), Form(r"\d{7,8}-?[0-9kK]", needs_context=True)),
    example="rut 12.531.909-2",
    validate=rut.is_valid,
    context=("rut", "tax_id"),
    normalise=alphanumerics,
)
