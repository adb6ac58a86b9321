"""A policy document as JSON that is the same in every process: sets in order, times in UTC."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, time
from typing import Any, cast

from guardrails.policy.document import PolicyDocument


def stable(document: PolicyDocument) -> dict[str, Any]:
    return cast("dict[str, Any]", _stable(document.model_dump()))


def _stable(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _stable(item) for name, item in cast("Mapping[str, Any]", value).items()}
    if isinstance(value, frozenset):
        return sorted(cast("frozenset[str]", value))
    if isinstance(value, list | tuple):
        return [_stable(item) for item in cast("list[Any]", value)]
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    return value.isoformat() if isinstance(value, time) else value
