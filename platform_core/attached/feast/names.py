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
    parts = re.findall(r"((?:\\.|[^|\\])*)(?:\||$)", key)
    found = parts if key.endswith("|") and not key.endswith("\\|") else parts[:-1]
    return [re.sub(r"\\(.)", r"\1", part) for part in found]
