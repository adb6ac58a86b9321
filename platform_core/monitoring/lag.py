"""A source's rows come late: the pipeline before us lags, whatever the events' own times say about freshness."""

from __future__ import annotations

import numpy as np

from platform_core.monitoring.alert import Alert
from platform_core.monitoring.monitor import Monitor, Watch, alert
from platform_core.monitoring.recent_rows import WINDOW, recent_rows
from platform_core.view import PlatformView

MINIMUM_ROWS = 30
QUANTILE = 0.95


class PipelineLagMonitor(Monitor):
    """`lag-<source>`; threshold: seconds from an event to its arrival, at the 95th percentile.

    Freshness tells how old the newest value is, which a quiet night explains; this one tells how long rows were on
    their way, which nothing else does.
    """

    prefix = "lag"
    watched = "source"

    def look(self, view: PlatformView, watch: Watch) -> Alert | None:
        source, now = view.catalog.source(watch.parts[0]), view.clock.now()
        rows = recent_rows(view, source, [source.created_timestamp], now)
        if rows is None:
            return None
        rows = rows.drop_null()
        if len(rows) < MINIMUM_ROWS:
            return None
        events, arrivals = rows[source.event_timestamp].to_numpy(), rows[source.created_timestamp].to_numpy()
        seconds = (arrivals - events) / np.timedelta64(1, "s")
        slow = float(np.quantile(seconds, QUANTILE))
        self.readings[watch.name] = slow
        if slow <= watch.spec.threshold:
            return None
        return alert(
            watch,
            "freshness",
            now=now,
            value=slow,
            summary=f"{source.name}: rows arrive {slow:.0f} s after their events (95th percentile of the {len(rows)} "
            f"of the last {WINDOW.total_seconds() / 60:g} min; median {np.median(seconds):.0f} s), "
            f"limit {watch.spec.threshold:g} s",
        )
