"""IBAN: country, two check digits, the account; mod 97 and the country's length (ISO 13616)."""

from __future__ import annotations

from stdnum import iban

from guardrails.redaction.recognizer import CODE, Form, Recognizer, alphanumerics


def _valid(text: str) -> bool:
    number = alphanumerics(text)
    if not number.isascii() or int("".join(str(int(c, 36)) for c in number[4:] + number[:4])) % 97 != 1:
        return False  # most candidates are hexadecimal digits, and the country's structure is a slow look-up
    return iban.is_valid(number, check_country=False)


RECOGNIZER = Recognizer(
    entity="IBAN",
    forms=(
        Form(r"[A-Z]{2}\d{2}(?:[ .-]?[A-Z0-9]{4}){2,7}(?:[ .-]?[A-Z0-9]{1,3})?"),
        Form(r"(?i)[A-Z]{2}\d{2}(?:[ .-]?[A-Z0-9]{4}){2,7}(?:[ .-]?[A-Z0-9]{1,3})?", needs_context=True),
    ),
    example="iban DE89 3704 0044 0532 0130 00",
    validate=_valid,
    validator="stdnum.iban",
    context=("iban",),
    normalise=alphanumerics,
    family=CODE,
)
