"""IP addresses, v4 and v6, except loopback, netmasks and the unspecified address, which name nobody."""

from __future__ import annotations

import ipaddress

from guardrails.redaction.recognizer import Form, Recognizer

_RELEASES = (
    "version",
    "v",
    "release",
    "build",
    "chrome/",
    "chromium/",
    "edg/",
    "safari/",
    "firefox/",
    "opr/",
    "driver",
)

_GROUP, _V4 = "[0-9a-f]{1,4}", r"\d{1,3}(?:\.\d{1,3}){3}"


def _names_a_host(text: str) -> bool:
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return False
    if address.version == 6 and not (len(text) >= 6 and any(character.isdigit() for character in text)):
        return False  # `abc::def` is a name in somebody's code
    if address.version == 4 and text.startswith(("0.", "255.")):
        return False
    return not (address.is_loopback or address.is_unspecified)


RECOGNIZER = Recognizer(
    entity="IP",
    forms=(
        Form(_V4, not_after=_RELEASES),
        Form(rf"(?i)(?:{_GROUP}:){{7}}{_GROUP}|(?:{_GROUP}:){{6}}{_V4}"),
        Form(rf"(?i){_GROUP}(?::{_GROUP}){{0,6}}::(?:{_GROUP}(?::{_GROUP}){{0,6}})?(?::?{_V4})?"),
        Form(rf"(?i)::{_GROUP}(?::{_GROUP}){{0,6}}(?::?{_V4})?"),
    ),
    example="from 203.0.113.7",
    validate=_names_a_host,
    validator="ipaddress",
    normalise=lambda text: text.strip().lower(),
)
