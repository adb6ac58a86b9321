"""How many rows a source delivers, against the same time of day on the days before."""

from __future__ import annotations

import math
from datetime import datetime, timedelta

import numpy as np
from pydantic import Field

from platform_core.view import PlatformView
from tools.answers import line, success
from tools.contract import Chart, Observation, ToolArguments
from tools.declaration import Tool
from tools.reading import find_source, name_of, times_of, window

DAYS = 7
BATCH_MINUTES = 4.0
"""Silence that batching alone explains."""


class Arguments(ToolArguments):
    source: str
    minutes: int = Field(default=15, ge=1, le=1440)
    until: datetime | None = None


def observe(platform: PlatformView, arguments: Arguments) -> Observation:
    """Rows per minute now and usually; `usual` is the mean over the hour around the same time on up to 7 days."""
    source = find_source(platform, name_of(arguments.source, "source"))
    now = window(platform, arguments.minutes, arguments.until)
    table = platform.offline.read(
        source.table,
        start=now.start - timedelta(days=DAYS, minutes=30),
        end=now.end,
        columns=[source.event_timestamp],
        time_column=source.event_timestamp,
    )
    times = np.sort(times_of(table, source.event_timestamp))
    rows = _between(times, now.start, now.end)
    per_minute = rows / arguments.minutes
    usual = _usual(times, now.start, now.end)
    expected = None if usual is None else usual * arguments.minutes
    silent = (now.end.timestamp() - times[-1] / 1e6) / 60 if times.size else DAYS * 1440.0
    figures = {
        "rows": rows,
        "rows_per_minute": per_minute,
        "usual_per_minute": usual,
        "ratio": per_minute / usual if usual else None,
        "z": (rows - expected) / math.sqrt(expected) if expected else None,
        "silent_minutes": silent,
        # a Poisson source is silent this long by chance less than once in a thousand times
        "silent": bool(usual is not None and silent > BATCH_MINUTES and silent * usual > math.log(1000)),
    }
    start = now.end - timedelta(minutes=max(arguments.minutes, 60))
    ones = np.ones(times.size)
    series = line("rows", times, ones, start, now.end, lambda v: v.size / max(1.0, arguments.minutes / 20), empty=0.0)
    said = "no usual rate known" if usual is None else f"usual {usual:.1f}"
    return success(
        f"{source.name}: {per_minute:.1f} rows/min in {arguments.minutes} min ({said}), last row {silent:.1f} min ago",
        figures,
        Chart(title=f"{source.name}: rows", unit="rows", series=(series,)),
    )


def _between(times: np.ndarray, start: datetime, end: datetime) -> int:
    low, high = np.searchsorted(times, [int(start.timestamp() * 1e6), int(end.timestamp() * 1e6)])
    return int(high - low)


def _usual(times: np.ndarray, start: datetime, end: datetime) -> float | None:
    """Rows per minute at this time of day, half an hour of slack on both sides; None without a day of history."""
    if not times.size:
        return None
    slack, rates = timedelta(minutes=30), []
    for day in range(1, DAYS + 1):
        low, high = start - timedelta(days=day) - slack, end - timedelta(days=day) + slack
        if int(low.timestamp() * 1e6) >= int(times[0]):
            rates.append(_between(times, low, high) / ((high - low).total_seconds() / 60))
    return float(np.mean(rates)) if rates else None


TOOL = Tool(
    name="source_volume",
    summary="Rows per minute of a source against the same time of day on the week before",
    arguments=Arguments,
    example={"source": "payments_br", "minutes": 15},
    figures={
        "rows": "rows in the window",
        "rows_per_minute": "rows in the window per minute",
        "usual_per_minute": "mean rows per minute in the hour around the same time on up to 7 days before",
        "ratio": "rows_per_minute over usual_per_minute",
        "z": "(rows - expected) / sqrt(expected), the Poisson standard score",
        "silent_minutes": "minutes since the newest row",
        "silent": "whether so long a silence (over 4 min) happens by chance less than once in 1000",
    },
    run=observe,
)
