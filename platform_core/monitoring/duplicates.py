"""A source delivers the same events again."""

from __future__ import annotations

from platform_core.features.source_rows import EVENT_ID
from platform_core.monitoring.alert import Alert
from platform_core.monitoring.monitor import Monitor, Watch, alert
from platform_core.monitoring.recent import pc
from platform_core.monitoring.recent_rows import WINDOW, recent_rows
from platform_core.view import PlatformView

MINIMUM_ROWS = 30


class DuplicateMonitor(Monitor):
    """`duplicates-<source>`; threshold: the share of rows that may repeat an event, e.g. 0.02. Features count an event
    once all the same; what it costs is read twice, and whoever counts rows counts wrong."""

    prefix = "duplicates"
    watched = "source"

    def look(self, view: PlatformView, watch: Watch) -> Alert | None:
        source, now = view.catalog.source(watch.parts[0]), view.clock.now()
        rows = recent_rows(view, source, [EVENT_ID], now)
        if rows is None or len(rows) < MINIMUM_ROWS:
            return None
        events = rows[EVENT_ID].drop_null()
        repeated = len(events) - len(pc.unique(events))
        rate = repeated / len(rows)
        self.readings[watch.name] = rate
        if rate <= watch.spec.threshold:
            return None
        return alert(
            watch,
            "quality",
            now=now,
            value=rate,
            summary=f"{source.name}: {repeated} of {len(rows)} rows of the last {WINDOW.total_seconds() / 60:g} min "
            f"repeat an event, allowed {watch.spec.threshold:.1%}",
        )
