"""Stable names for values that must not be seen: one value, one name; testing a guess takes the key."""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Sequence
from typing import NamedTuple, Protocol

from foundation.errors import InvalidInput
from guardrails.redaction.recognizer import Recognizer

SHORTEST_KEY = 16
DIGITS = 4
_PSEUDONYM = re.compile(r"<([A-Z][A-Z0-9_]*)_([0-9a-f]{4,64})>")


class Value(NamedTuple):
    """A value to be named: its entity and its spelling without formatting."""

    entity: str
    text: str
    recognizer: Recognizer


class Names(Protocol):
    """Gives names to values. `names` answers in the order of `values`."""

    def names(self, values: Sequence[Value]) -> list[str]: ...


class Fingerprints:
    """HMAC-SHA256(key, entity NUL value) in hexadecimal: the same for the same value, and no guess can be tried without
    the key. Identifiers have so little entropy that an unkeyed hash would be a table look-up."""

    def __init__(self, key: bytes) -> None:
        if len(key) < SHORTEST_KEY:
            raise InvalidInput(
                f"the redaction key has {len(key)} bytes", hint=f"use at least {SHORTEST_KEY} random bytes"
            )
        self._key = key

    def of(self, entity: str, text: str) -> str:
        message = f"{entity}\0{text}".encode("utf-8", "surrogatepass")
        return hmac.digest(self._key, message, hashlib.sha256).hex()


def pseudonym(entity: str, fingerprint: str, digits: int = DIGITS) -> str:
    """`<CPF_7f3a>`."""
    return f"<{entity}_{fingerprint[:digits]}>"


class Pseudonyms:
    """Names from the key alone: the entity and the first four hexadecimal digits of the fingerprint.

    Four digits tell the handful of values in an incident apart, and say too little to confirm a guess: of the 2e8
    living CPFs three thousand share a name. Two values may share one; `guardrails.redaction.vault` keeps them apart.
    """

    def __init__(self, key: bytes, *, digits: int = DIGITS) -> None:
        self._fingerprints = Fingerprints(key)
        self._digits = digits

    def names(self, values: Sequence[Value]) -> list[str]:
        of = self._fingerprints.of
        return [pseudonym(value.entity, of(value.entity, value.text), self._digits) for value in values]


def is_pseudonym(text: str) -> bool:
    """Whether `text` is a pseudonym already, and nothing else."""
    return _PSEUDONYM.fullmatch(text.strip()) is not None
