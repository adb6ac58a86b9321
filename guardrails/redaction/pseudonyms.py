"""Stable names for values that must not be seen: one value, one name; testing a guess takes the key."""

from __future__ import annotations

import hashlib
import hmac

from foundation.errors import InvalidInput

SHORTEST_KEY = 16


class Pseudonyms:
    """`<CPF_7f3a>`: the entity, and the first hexadecimal digits of HMAC-SHA256(key, entity NUL value).

    Four digits tell the handful of values in an incident apart, and say too little to confirm a guess: of the 2e8
    living CPFs three thousand share a name. Identifiers have so little entropy that an unkeyed hash would be a table
    look-up.
    """

    def __init__(self, key: bytes, *, digits: int = 4) -> None:
        if len(key) < SHORTEST_KEY:
            raise InvalidInput(
                f"the redaction key has {len(key)} bytes", hint=f"use at least {SHORTEST_KEY} random bytes"
            )
        self._key = key
        self._digits = digits

    def name(self, entity: str, value: str) -> str:
        message = f"{entity}\0{value}".encode("utf-8", "surrogatepass")
        return f"<{entity}_{hmac.digest(self._key, message, hashlib.sha256).hex()[: self._digits]}>"
