"""A column holds more nulls than its owner promises."""

from __future__ import annotations

from datetime import timedelta

from foundation.errors import NotFound
from platform_core.features.clock_skew import MAX_CLOCK_SKEW
from platform_core.monitoring.alert import Alert
from platform_core.monitoring.monitor import Monitor, Watch, alert
from platform_core.monitoring.statistics import binomial_tail
from platform_core.view import PlatformView

WINDOW = timedelta(minutes=15)
MINIMUM_ROWS = 15
MINIMUM_EXCESS = 0.05
SIGNIFICANCE = 1e-4


class NullMonitor(Monitor):
    """`nulls-<source>-<column>`; threshold: the promised rate 0..1. Needs 15 rows and 5 points over the promise."""

    prefix = "nulls"
    watched = "column"

    def look(self, view: PlatformView, watch: Watch) -> Alert | None:
        name, column = watch.parts
        source = view.catalog.source(name)
        now = view.clock.now()
        try:
            rows = view.offline.read(
                source.table,
                start=now - WINDOW,
                end=now + MAX_CLOCK_SKEW,
                columns=list(dict.fromkeys([source.event_timestamp, column])),
                time_column=source.event_timestamp,
            )
        except NotFound:
            return None
        if rows.num_rows < MINIMUM_ROWS:
            return None
        nulls = rows[column].null_count
        rate = nulls / rows.num_rows
        self.readings[watch.name] = rate
        promise = watch.spec.threshold
        if rate < promise + MINIMUM_EXCESS or binomial_tail(nulls, rows.num_rows, max(promise, 0.001)) > SIGNIFICANCE:
            return None
        return alert(
            watch,
            "nulls",
            now=now,
            value=rate,
            summary=f"{name}.{column}: {rate:.0%} null in the last {rows.num_rows} rows, "
            f"promised at most {promise:.0%}",
        )
