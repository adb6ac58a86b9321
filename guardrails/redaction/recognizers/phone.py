"""Telephone numbers: E.164 with its plus sign, a national number with its area code in brackets, or a context word."""

from __future__ import annotations

from guardrails.redaction.recognizer import Form, Recognizer, digits


def _has_a_length(text: str) -> bool:
    number = digits(text)
    return 8 <= len(number) <= 15 and len(set(number)) > 2


def _international(text: str) -> bool:
    return len(digits(text)) >= 10 and _has_a_length(text)


RECOGNIZER = Recognizer(
    entity="PHONE",
    forms=(
        Form(r"\+[1-9]\d{0,2}[ .-]?\(?\d{1,4}\)?(?:[ .-]?\d{2,5}){2,4}\b", validate=_international),
        Form(r"\(\d{2,4}\)[ ]?9?[ ]?\d{3,5}[ -]?\d{4}\b"),
        Form(r"9?\d{2,5}(?:[ .-]?\d{2,5}){1,4}\b", needs_context=True),
    ),
    example="call +55 11 98765-4321",
    validate=_has_a_length,
    context=(
        "phone",
        "tel",
        "telefone",
        "teléfono",
        "telefono",
        "celular",
        "móvil",
        "movil",
        "fone",
        "mobile",
        "whatsapp",
        "msisdn",
        "sms",
    ),
    normalise=digits,
)
