"""A source delivers far fewer rows than it usually does at this time of the week, or of the day where it is young."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
import numpy.typing as npt
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

HISTORY_DAYS = 28
WEEKS = 2
"""A minute of the week is judged by itself once it was seen so often, before that by the minute of the day."""

_DAY, _WEEK = 1440, 10_080
MINIMUM_EXPECTED = 15.0
SIGNIFICANCE = 1e-5


@dataclass(frozen=True, slots=True)
class Usual:
    """`rows` of each minute from `first` on; minutes are counted since the epoch."""

    first: int
    rows: npt.NDArray[np.int64]

    def expected(self, minutes: npt.NDArray[np.int64]) -> tuple[float, str]:
        """Mean rows of such minutes of the week, or of the day where the week was not seen often enough; and which."""
        known = self.first + np.arange(len(self.rows))
        for period, season, enough in ((_WEEK, "week", WEEKS), (_DAY, "day", 1)):
            seen = np.bincount(known % period, minlength=period)[minutes % period]
            if seen.min() >= enough:
                rows = np.bincount(known % period, weights=self.rows, minlength=period)[minutes % period]
                return float(np.mean(rows / seen)), season
        return 0.0, "day"


class VolumeMonitor(Monitor):
    """`volume-<source>`; threshold: the share of the usual rows below which it alerts, e.g. 0.4."""

    prefix = "volume"
    watched = "source"

    def __init__(self) -> None:
        super().__init__()
        self._usual: Kept[Usual] = Kept(timedelta(hours=6), lambda usual: len(usual.rows) > 0)

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
                lambda: _usual(view, source, now, watch.spec.baseline_since),
            )
            rows = _times(view, source, start, end)
        except NotFound:
            return None
        minutes = int(WINDOW.total_seconds() // 60)
        first = int(start.timestamp()) // 60
        # the usual of an hour around the window, so that a quiet minute in history does not set the bar
        per_minute, season = usual.expected(np.arange(first - 22, first + minutes + 23))
        expected = per_minute * minutes
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
            summary=f"{source.name}: {count} rows in {minutes} min, "
            f"usually {expected:.0f} at this time of the {season}",
        )


def _usual(view: PlatformView, source: DataSource, now: datetime, since: datetime | None) -> Usual:
    """Of the reference: what is being judged is not in it."""
    end = now - timedelta(hours=2)
    start = end - timedelta(days=HISTORY_DAYS)
    if since is not None:
        start = max(start, since)
    times = _times(view, source, start, end).drop_null().cast(pa.timestamp("us", tz="UTC")).cast(pa.int64())
    minutes = times.to_numpy() // 60_000_000
    first = int(minutes.min()) if len(minutes) else 0
    return Usual(first, np.bincount(minutes - first))


def _times(view: PlatformView, source: DataSource, start: datetime, end: datetime) -> pa.ChunkedArray:
    at = source.event_timestamp
    return view.offline.read(source.table, start=start, end=end, columns=[at], time_column=at)[at]
