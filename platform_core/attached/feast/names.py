"""Feast's names in our catalog, and our keys in parts."""

from __future__ import annotations

import re


def our_name(name: str) -> str:
    """`Driver Stats` is `driver_stats`: lower case, letters, digits, `_`, `.`, `-`. Most names stay as they are."""
    plain = re.sub(r"[^a-z0-9_.-]", "_", name.lower())
    return plain if re.match(r"[a-z0-9]", plain) else f"f{plain}"


def key_parts(key: str, count: int) -> list[str]:
    """The values that `platform_core.features.keys.entity_key` made `key` of, when there were `count` of them."""
    if count == 1:
        return [key]
    found, escaped = [""], False
    for character in key:
        if not escaped and character == "\\":
            escaped = True
        elif not escaped and character == "|":
            found.append("")
        else:
            found[-1] += character
            escaped = False
    return found
