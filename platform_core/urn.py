"""Names of the things alerts are about and actions change: `urn:vigia:<kind>:<name>`."""

from __future__ import annotations

import re
from typing import Literal, cast, get_args

from foundation.errors import InvalidInput

UrnKind = Literal[
    "source",
    "connector",
    "deployment",
    "feature_view",
    "feature_service",
    "model",
    "endpoint",
    "job",
    "monitor",
    "store",
]

_KINDS: tuple[str, ...] = get_args(UrnKind)
_NAME = re.compile(r"^[a-z0-9][a-z0-9_.-]{0,127}$")


def urn(kind: UrnKind, name: str) -> str:
    """`urn:vigia:<kind>:<name>`; the name is lower-case letters, digits, `_`, `.`, `-`."""
    if not _NAME.fullmatch(name):
        raise InvalidInput(f"{name!r} is not a name", hint="lower-case letters, digits, '_', '.', '-'")
    return f"urn:vigia:{kind}:{name}"


def parse_urn(value: str) -> tuple[UrnKind, str]:
    """The kind and the name in `value`. Raises InvalidInput for anything else."""
    parts = value.split(":", 3)
    if len(parts) != 4 or parts[:2] != ["urn", "vigia"] or parts[2] not in _KINDS or not _NAME.fullmatch(parts[3]):
        raise InvalidInput(f"{value!r} is not a URN of this platform", hint=f"urn:vigia:<{'|'.join(_KINDS)}>:<name>")
    return cast(UrnKind, parts[2]), parts[3]
