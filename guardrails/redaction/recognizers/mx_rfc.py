"""RFC, the Mexican tax id: three or four letters, a date, and a homoclave whose last character checks the rest (SAT).

Without a context word the check character must hold; with one, the date alone is enough, because old registrations do
not all satisfy it.
"""

from __future__ import annotations

from stdnum.mx import rfc

from guardrails.redaction.recognizer import Form, Recognizer, alphanumerics

_PATTERN = r"(?i)[A-ZÑ&]{3,4}\d{6}[A-Z0-9]{2}[A0-9]"


def _checked(text: str) -> bool:
    return rfc.is_valid(text, validate_check_digits=True)


RECOGNIZER = Recognizer(
    entity="RFC",
    forms=(Form(_PATTERN, validate=_checked), Form(_PATTERN, needs_context=True)),
    example="rfc GODE561231GR8",
    validate=rfc.is_valid,
    context=("rfc",),
    normalise=alphanumerics,
)
