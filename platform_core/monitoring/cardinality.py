"""A column holds far fewer or far more different values than it usually does."""

from __future__ import annotations

from datetime import datetime, timedelta

import numpy as np

from foundation.errors import NotFound
from platform_core.catalog.specs import DataSource
from platform_core.monitoring.alert import Alert
from platform_core.monitoring.monitor import Monitor, Watch, alert
from platform_core.monitoring.recent import Kept, pc
from platform_core.view import PlatformView

WINDOW = timedelta(hours=1)
DAYS = 7
MINIMUM_DAYS = 3
MINIMUM_ROWS = 100


class CardinalityMonitor(Monitor):
    """`cardinality-<source>-<column>`; threshold: by what factor the number of different values per hundred rows may
    differ from the usual one at this hour, e.g. 3. One device id for all, or a new id for each row, are such."""

    prefix = "cardinality"
    watched = "column"

    def __init__(self) -> None:
        super().__init__()
        self._usual: Kept[list[float]] = Kept(timedelta(hours=1), lambda usual: len(usual) >= MINIMUM_DAYS)

    def look(self, view: PlatformView, watch: Watch) -> Alert | None:
        name, column = watch.parts
        source, now = view.catalog.source(name), view.clock.now()
        try:
            found = _per_hundred(view, source, column, now)
            usual = self._usual.get(
                watch.name,
                watch.spec.baseline_since,
                now,
                lambda: _history(view, source, column, now, watch.spec.baseline_since),
            )
        except NotFound:
            return None
        if found is None or len(usual) < MINIMUM_DAYS:
            return None
        expected = float(np.median(usual))
        ratio = found[0] / expected
        self.readings[watch.name] = ratio
        if 1 / watch.spec.threshold <= ratio <= watch.spec.threshold:
            return None
        return alert(
            watch,
            "quality",
            now=now,
            value=ratio,
            summary=f"{name}.{column}: {found[0]:.2g} different values per 100 rows in the last hour "
            f"({found[1]} rows), usually {expected:.2g} at this hour ({len(usual)} days)",
        )


def _history(view: PlatformView, source: DataSource, column: str, now: datetime, since: datetime | None) -> list[float]:
    moments = [now - timedelta(days=day) for day in range(1, DAYS + 1)]
    found = [_per_hundred(view, source, column, at) for at in moments if since is None or at - WINDOW >= since]
    return [share for share, _rows in filter(None, found) if share > 0]


def _per_hundred(view: PlatformView, source: DataSource, column: str, end: datetime) -> tuple[float, int] | None:
    """(different values per 100 rows, rows) of the window before `end`; None where there are too few rows."""
    at = source.event_timestamp
    rows = view.offline.read(source.table, start=end - WINDOW, end=end, columns=[at, column], time_column=at)
    values = rows[column].drop_null()
    if len(values) < MINIMUM_ROWS:
        return None
    # Of a hundred rows at a time: the number of different values does not grow in step with the rows.
    parts = [len(pc.unique(values.slice(at, 100))) for at in range(0, len(values) - 99, 100)]
    return float(np.mean(parts)), len(values)
