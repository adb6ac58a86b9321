"""Canonical JSON (RFC 8785) and the digests over it.

Whatever is signed, hashed or compared by digest goes through here, so that two processes that mean the same value
compute the same bytes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import rfc8785

from foundation.errors import InvalidInput


def canonical_bytes(value: Any) -> bytes:
    """`value` (JSON types only) as RFC 8785 bytes.

    Raises InvalidInput for what JSON cannot carry faithfully: NaN, infinities, integers beyond 2**53, other types.
    """
    try:
        return rfc8785.dumps(value)
    except rfc8785.CanonicalizationError as error:
        raise InvalidInput(f"cannot be written as canonical JSON: {error}") from error


def digest(value: Mapping[str, Any] | list[Any] | str) -> str:
    """SHA-256 over the canonical bytes of `value`, in lower-case hexadecimal."""
    return hashlib.sha256(canonical_bytes(value)).hexdigest()
