"""CPF, the Brazilian tax id of a person: eleven digits, two of them check digits (Receita Federal)."""

from __future__ import annotations

from stdnum.br import cpf

from guardrails.redaction.recognizer import COUNTERS, Form, Recognizer, digits

RECOGNIZER = Recognizer(
    entity="CPF",
    forms=(
        Form(r"\d{3}\.\d{3}\.\d{3}-\d{2}"),
        Form(r"\d{9}-\d{2}"),
        Form(r"\d{11}", not_after=COUNTERS),
    ),
    example="cpf 529.982.247-25",
    validate=cpf.is_valid,
    normalise=digits,
)
