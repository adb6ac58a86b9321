"""CNPJ, the Brazilian tax id of a company: fourteen characters, two check digits; letters from July 2026."""

from __future__ import annotations

from stdnum.br import cnpj

from guardrails.redaction.recognizer import COUNTERS, Form, Recognizer, alphanumerics

RECOGNIZER = Recognizer(
    entity="CNPJ",
    forms=(
        Form(r"[0-9A-Za-z]{2}\.[0-9A-Za-z]{3}\.[0-9A-Za-z]{3}/[0-9A-Za-z]{4}-\d{2}"),
        Form(r"\d{14}", not_after=COUNTERS),
        Form(r"[0-9A-Z]{12}\d{2}", needs_context=True),
    ),
    example="cnpj 11.222.333/0001-81",
    validate=cnpj.is_valid,
    context=("cnpj",),
    normalise=alphanumerics,
)
