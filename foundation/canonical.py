"""Canonical JSON (RFC 8785) and the digests over it.

Whatever is signed, hashed or compared by digest goes through here, so that two processes that mean the same value
compute the same bytes. `rfc8785` is the definition. What orjson writes byte for byte as that does (a property test
holds both equal) it writes, some ten times as fast: plain values with ASCII names and no number whose spelling the two
could see differently.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any, cast

import orjson
import rfc8785

from foundation.errors import InvalidInput

_AS_RFC8785 = orjson.OPT_SORT_KEYS | orjson.OPT_STRICT_INTEGER
"""Names sorted by their bytes (for ASCII that is UTF-16 order), and no integer beyond 2**53 - 1."""

_SMALLEST, _LARGEST = 1e-4, 1e15
"""Between these a fraction is written with a point and without an exponent by everybody, in the fewest digits."""


def canonical_bytes(value: Any) -> bytes:
    """`value` (JSON types only) as RFC 8785 bytes.

    Raises InvalidInput for what JSON cannot carry faithfully: NaN, infinities, integers beyond 2**53, other types, or
    nesting beyond what the interpreter follows.
    """
    try:
        if _is_plain(value):
            return orjson.dumps(value, option=_AS_RFC8785)
    except (TypeError, RecursionError):
        pass  # what orjson refuses, rfc8785 writes or explains
    try:
        return rfc8785.dumps(value)
    except (rfc8785.CanonicalizationError, UnicodeEncodeError) as error:
        raise InvalidInput(f"cannot be written as canonical JSON: {error}") from error
    except RecursionError as error:
        raise InvalidInput("cannot be written as canonical JSON: it is nested too deeply") from error


def digest(value: Mapping[str, Any] | list[Any] | str) -> str:
    """SHA-256 over the canonical bytes of `value`, in lower-case hexadecimal."""
    return hashlib.sha256(canonical_bytes(value)).hexdigest()


def _is_plain(value: Any) -> bool:
    """Whether all of `value` is exactly of JSON's types, which orjson writes as rfc8785 does."""
    kind = type(value)
    if kind is str or kind is int or kind is bool or value is None:
        return True
    if kind is dict:
        for name, item in cast("dict[object, object]", value).items():
            if type(name) is not str or not name.isascii():
                return False
            if type(item) is not str and not _is_plain(item):
                return False
        return True
    if kind is list or kind is tuple:
        return all(map(_is_plain, cast("list[object]", value)))
    return kind is float and _SMALLEST <= abs(value) < _LARGEST and not value.is_integer()
