"""PIX keys, the Brazilian payment keys: a random one is a UUID, which only a context word tells from any other. The
other kinds (CPF, CNPJ, e-mail, telephone) are what they are, and found as such."""

from __future__ import annotations

from guardrails.redaction.recognizer import CODE, NEAR, Form, Recognizer

_UUID = r"(?i)[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"

RECOGNIZER = Recognizer(
    entity="PIX",
    forms=(
        Form(_UUID, needs_context=True, score=NEAR),
        Form(r"(?i)[0-9a-f]{32}", needs_context=True, score=NEAR),
    ),
    example="chave pix 123e4567-e89b-42d3-a456-426614174000",
    validator="context",
    context=("pix", "chave", "chave_pix", "pix_key", "evp", "dict_key"),
    normalise=lambda text: text.replace("-", "").lower(),
    family=CODE,
)
