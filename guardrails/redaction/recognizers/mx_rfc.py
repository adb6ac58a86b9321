"""RFC, the Mexican tax id: three or four letters, a date, and a homoclave whose last character checks the rest (SAT).

Without a context word the check character must hold; with one, the date alone is enough, because old registrations do
not all satisfy it.
"""

from __future__ import annotations

from stdnum.mx import rfc

from guardrails.redaction.recognizer import CODE, LIKELY, Form, Recognizer

_PATTERN = r"(?i)[A-ZÑ&]{3,4}[ ./-]{0,2}\d{6}[ ./-]{0,2}[A-Z0-9]{2}[A0-9]"


def _compact(text: str) -> str:
    return "".join(character for character in text if character.isalnum() or character == "&").upper()


def _dated(text: str) -> bool:
    return rfc.is_valid(_compact(text))


def _checked(text: str) -> bool:
    return rfc.is_valid(_compact(text), validate_check_digits=True)


RECOGNIZER = Recognizer(
    entity="RFC",
    forms=(Form(_PATTERN, validate=_checked), Form(_PATTERN, needs_context=True, score=LIKELY)),
    example="rfc GODE561231GR8",
    validate=_dated,
    validator="stdnum.mx.rfc",
    context=("rfc", "r.f.c", "contribuyente"),
    normalise=_compact,
    family=CODE,
)
