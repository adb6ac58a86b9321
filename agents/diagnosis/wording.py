"""Sentences with figures in them. A figure that is not known reads `unknown`, a URN reads as its name; nothing here can
raise."""

from __future__ import annotations

import string
from collections.abc import Mapping
from typing import Any


class _Words(string.Formatter):
    def get_value(self, key: int | str, args: Any, kwargs: Mapping[str, Any]) -> Any:
        value = kwargs.get(str(key))
        # People say `ingest-br`; the URN stays in the figures and facts.
        return value.rsplit(":", 1)[-1] if isinstance(value, str) and value.startswith("urn:vigia:") else value

    def format_field(self, value: Any, format_spec: str) -> str:
        if value is None:
            return "unknown"
        try:
            return str(format(value, format_spec))
        except (ValueError, TypeError):
            return str(value)


def say(template: str, values: Mapping[str, Any]) -> str:
    """`template` with `{name}` or `{name:.1f}` filled in from `values`."""
    return _Words().format(template, **values)
