"""A source delivers far fewer rows than it usually does at this time of the day."""

from __future__ import annotations

from datetime import datetime, timedelta

import numpy as np
import pyarrow as pa

from foundation.errors import NotFound
from platform_core.catalog.specs import DataSource
from platform_core.monitoring.alert import Alert
from platform_core.monitoring.monitor import Monitor, Watch, alert
from platform_core.monitoring.recent import Kept
from platform_core.monitoring.statistics import poisson_lower_tail
from platform_core.view import PlatformView

WINDOW = timedelta(minutes=15)
SETTLING = timedelta(minutes=3)
"""Rows arrive a minute or two after their event; the youngest minutes are never complete."""

HISTORY_DAYS = 14
MINIMUM_EXPECTED = 15.0
SIGNIFICANCE = 1e-5


class VolumeMonitor(Monitor):
    """`volume-<source>`; threshold: the share of the usual rows below which it alerts, e.g. 0.4."""

    prefix = "volume"
    watched = "source"

    def __init__(self) -> None:
        super().__init__()
        self._usual: Kept[np.ndarray[tuple[int, ...], np.dtype[np.float64]]] = Kept(
            timedelta(hours=6), lambda usual: bool(usual.any())
        )

    def look(self, view: PlatformView, watch: Watch) -> Alert | None:
        source = view.catalog.source(watch.parts[0])
        now = view.clock.now()
        end = now - SETTLING
        start = end - WINDOW
        try:
            usual = self._usual.get(
                watch.name,
                watch.spec.baseline_since,
                now,
                lambda: _rows_per_minute(view, source, now, watch.spec.baseline_since),
            )
            rows = _times(view, source, start, end)
        except NotFound:
            return None
        minutes = int(WINDOW.total_seconds() // 60)
        first = start.hour * 60 + start.minute
        # the usual of an hour around the window, so that a quiet minute in history does not set the bar
        around = np.arange(first - 22, first + minutes + 23) % 1440
        expected = float(usual[around].mean()) * minutes
        count = len(rows)
        if expected < MINIMUM_EXPECTED:
            return None
        ratio = count / expected
        self.readings[watch.name] = ratio
        if ratio >= watch.spec.threshold or poisson_lower_tail(count, expected) > SIGNIFICANCE:
            return None
        return alert(
            watch,
            "volume",
            now=now,
            value=ratio,
            severity="critical",
            summary=f"{source.name}: {count} rows in {minutes} min, usually {expected:.0f} at this time of the day",
        )


def _rows_per_minute(
    view: PlatformView, source: DataSource, now: datetime, since: datetime | None
) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    """Mean rows of each minute of the UTC day, over the whole days of the reference."""
    end = now - timedelta(hours=2)
    start = end - timedelta(days=HISTORY_DAYS)
    if since is not None:
        start = max(start, since)
    minutes = (
        _times(view, source, start, end).cast(pa.timestamp("us", tz="UTC")).cast(pa.int64()).to_numpy() // 60_000_000
    )
    counts = np.bincount((minutes % 1440).astype(np.int64), minlength=1440).astype(np.float64)
    if len(minutes) == 0:
        return counts
    days = max(-(-(int(minutes.max() - minutes.min()) + 1) // 1440), 1)
    return counts / days


def _times(view: PlatformView, source: DataSource, start: datetime, end: datetime) -> pa.ChunkedArray:
    at = source.event_timestamp
    return view.offline.read(source.table, start=start, end=end, columns=[at], time_column=at)[at]
