"""Durations as people write them in the catalog: `20ms`, `90s`, `10m`, `24h`, `7d`, `1h30m`."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Annotated, Any

from pydantic import BeforeValidator, PlainSerializer

from foundation.errors import InvalidInput

_PART = re.compile(r"(\d+)\s*(ms|s|m|h|d|w)")
_MILLISECONDS = {"ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000, "w": 604_800_000}
HINT = "write 20ms, 30s, 10m, 24h, 7d or 1h30m"


def parse_duration(text: str) -> timedelta:
    """Raises InvalidInput for anything else, and for zero."""
    parts = _PART.findall(text)
    total = sum(int(count) * _MILLISECONDS[unit] for count, unit in parts)
    if not total or _PART.sub("", text).strip():
        raise InvalidInput(f"{text!r} is not a duration", hint=HINT)
    try:
        return timedelta(milliseconds=total)
    except OverflowError as error:
        raise InvalidInput(f"{text!r} is too long for a duration", hint=HINT) from error


def format_duration(value: timedelta) -> str:
    """The shortest form of whole milliseconds that `parse_duration` reads back: 24h is `24h`, 36 hours are `36h`."""
    milliseconds = round(value / timedelta(milliseconds=1))
    sizes = (("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1))
    unit, size = next((u, s) for u, s in sizes if milliseconds % s == 0)
    return f"{milliseconds // size}{unit}"


def _written(value: Any) -> Any:
    """What people write, as a timedelta; ISO 8601 (`PT24H`), as versions were stored once, is left to pydantic."""
    if isinstance(value, timedelta) or (isinstance(value, str) and value.startswith("P")):
        return value
    if not isinstance(value, str):
        raise ValueError(f"{value!r} is not a duration; {HINT}")  # noqa: TRY004 - what pydantic reports
    try:
        return parse_duration(value)
    except InvalidInput as error:
        raise ValueError(f"{error.message}; {error.hint}") from error


Duration = Annotated[
    timedelta, BeforeValidator(_written), PlainSerializer(format_duration, return_type=str, when_used="json")
]
"""A field of the catalog that is written as above, in files and in stored versions."""
