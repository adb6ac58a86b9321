"""IP addresses, v4 and v6, except loopback and the unspecified address, which name nobody."""

from __future__ import annotations

import ipaddress

from guardrails.redaction.recognizer import Form, Recognizer


def _names_a_host(text: str) -> bool:
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return False
    if address.version == 6 and not (len(text) >= 6 and any(character.isdigit() for character in text)):
        return False  # `abc::def` is a name in somebody's code
    return not (address.is_loopback or address.is_unspecified)


RECOGNIZER = Recognizer(
    entity="IP",
    forms=(
        Form(r"\b\d{1,3}(?:\.\d{1,3}){3}\b"),
        Form(r"(?i)[0-9a-f]{1,4}(?::[0-9a-f]{0,4}){2,7}(?:\d{1,3}(?:\.\d{1,3}){3})?"),
    ),
    example="from 203.0.113.7",
    validate=_names_a_host,
    normalise=lambda text: text.strip().lower(),
)
