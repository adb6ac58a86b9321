"""Rows come from the future: whoever makes them has a wrong clock, and materialization holds them back."""

from __future__ import annotations

from datetime import timedelta

import pyarrow as pa

from foundation.errors import NotFound
from platform_core.features.clock_skew import MAX_CLOCK_SKEW
from platform_core.monitoring.alert import Alert
from platform_core.monitoring.monitor import Monitor, Watch, alert
from platform_core.monitoring.recent import pc
from platform_core.view import PlatformView

REACH = timedelta(hours=1)


class ClockMonitor(Monitor):
    """`clock-<source>`; threshold: rows of the last hour that may be dated over five minutes after their arrival."""

    prefix = "clock"
    watched = "source"

    def look(self, view: PlatformView, watch: Watch) -> Alert | None:
        source, now = view.catalog.source(watch.parts[0]), view.clock.now()
        columns = [source.event_timestamp, source.created_timestamp]
        try:
            rows = view.offline.read(
                source.table, start=now - REACH, columns=columns, time_column=source.created_timestamp
            ).drop_null()
        except NotFound:
            return None
        ahead = pc.subtract(rows[source.event_timestamp], rows[source.created_timestamp])
        late = rows.filter(pc.greater(ahead, pa.scalar(MAX_CLOCK_SKEW, pa.duration("us"))))
        self.readings[watch.name] = float(len(late))
        if len(late) <= watch.spec.threshold:
            return None
        furthest = pc.max(late[source.event_timestamp]).as_py()
        return alert(
            watch,
            "quality",
            now=now,
            value=float(len(late)),
            summary=f"{source.name}: {len(late)} of {len(rows)} rows of the last hour are dated over "
            f"{MAX_CLOCK_SKEW.total_seconds() / 60:g} min after their arrival, up to {furthest:%Y-%m-%d %H:%M} UTC; "
            "they are held back",
        )
