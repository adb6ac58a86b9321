"""A feature view's newest online value is older than its SLA."""

from __future__ import annotations

from platform_core.monitoring.alert import Alert
from platform_core.monitoring.monitor import Monitor, Watch, alert
from platform_core.view import PlatformView


class FreshnessMonitor(Monitor):
    """`freshness-<view>-<tenant>`; threshold in seconds. What was never written is reported by nobody: the view is new
    there."""

    prefix = "freshness"
    pieces = 2

    def look(self, view: PlatformView, watch: Watch) -> Alert | None:
        name, tenant = watch.parts
        newest = view.online.newest_event(tenant, name)
        if newest is None:
            return None
        now = view.clock.now()
        lag = max((now - newest).total_seconds(), 0.0)
        self.readings[watch.name] = lag
        if lag <= watch.spec.threshold:
            return None
        return alert(
            watch,
            "freshness",
            now=now,
            value=lag,
            severity="critical",
            summary=f"{name} of {tenant}: newest value is {lag / 60:.0f} min old, "
            f"SLA {watch.spec.threshold / 60:.0f} min",
        )
