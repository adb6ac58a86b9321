"""Durations as people write them in the catalog: `90s`, `10m`, `24h`, `7d`, `1h30m`."""

from __future__ import annotations

import re
from datetime import timedelta

from foundation.errors import InvalidInput

_PART = re.compile(r"(\d+)\s*(s|m|h|d|w)")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}


def parse_duration(text: str) -> timedelta:
    """Raises InvalidInput for anything else, and for zero."""
    parts = _PART.findall(text)
    total = sum(int(count) * _SECONDS[unit] for count, unit in parts)
    if not total or _PART.sub("", text).strip():
        raise InvalidInput(f"{text!r} is not a duration", hint="write 30s, 10m, 24h, 7d or 1h30m")
    return timedelta(seconds=total)


def format_duration(value: timedelta) -> str:
    """The shortest form of whole seconds that `parse_duration` reads back: 24h is `24h`, 36 hours are `36h`."""
    seconds = int(value.total_seconds())
    unit, size = next((u, s) for u, s in (("h", 3600), ("m", 60), ("s", 1)) if seconds % s == 0)
    return f"{seconds // size}{unit}"
