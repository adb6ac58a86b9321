"""Identifiers: a prefix that says what it is, and a UUIDv7 (RFC 9562), which sorts by time and holds 74 random bits."""

from __future__ import annotations

import uuid_utils


def new_id(prefix: str) -> str:
    """A fresh identifier such as `apr_0193…`; `prefix` names the kind of thing."""
    return f"{prefix}_{uuid_utils.uuid7().hex}"
