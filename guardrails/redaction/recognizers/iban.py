"""IBAN: country, two check digits, the account; mod 97 and the country's length (ISO 13616)."""

from __future__ import annotations

from stdnum import iban

from guardrails.redaction.recognizer import Form, Recognizer, alphanumerics


def _valid(text: str) -> bool:
    return iban.is_valid(text, check_country=False)


RECOGNIZER = Recognizer(
    entity="IBAN",
    forms=(Form(r"[A-Z]{2}\d{2}(?:[ ]?[A-Z0-9]{4}){2,7}(?:[ ]?[A-Z0-9]{1,3})?"),),
    example="iban DE89 3704 0044 0532 0130 00",
    validate=_valid,
    normalise=alphanumerics,
)
