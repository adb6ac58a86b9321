"""Bearer tokens (RFC 6750) and basic credentials in an Authorization header."""

from __future__ import annotations

from guardrails.redaction.recognizer import SECRET, Form, Recognizer


def _is_opaque(text: str) -> bool:
    """A token has digits or is long; `Bearer authentication` is prose."""
    return len(text) >= 32 or any(character.isdigit() for character in text)


RECOGNIZER = Recognizer(
    entity="BEARER",
    forms=(
        Form(r"(?i)\bbearer[ :=]+([A-Za-z0-9._~+/=-]{8,})", isolated=False),
        Form(r"(?i)\bauthorization[\"']?[ :=]+[\"']?basic ([A-Za-z0-9+/=]{8,})", isolated=False, validate=bool),
    ),
    example="Authorization: Bearer abcdef123456",
    secret=True,
    validate=_is_opaque,
    family=SECRET,
)
