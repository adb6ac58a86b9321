"""A feature view's newest online value is older than its SLA."""

from __future__ import annotations

from datetime import datetime

from foundation.errors import Conflict
from platform_core.features.clock_skew import MAX_CLOCK_SKEW
from platform_core.features.target import source_spec
from platform_core.monitoring.alert import Alert
from platform_core.monitoring.monitor import Monitor, Watch, alert
from platform_core.view import PlatformView


class FreshnessMonitor(Monitor):
    """`freshness-<view>-<tenant>`; threshold in seconds. What was never written is reported by nobody: the view is new
    there.

    While the view's source of that tenant is quarantined, its values are held at the quarantine's beginning on purpose,
    and are judged as of then: nobody is paged for what somebody approved.
    """

    prefix = "freshness"
    watched = "view"

    def look(self, view: PlatformView, watch: Watch) -> Alert | None:
        name, tenant = watch.parts
        newest = view.online.newest_event(tenant, name)
        if newest is None:
            return None
        now = view.clock.now()
        if newest > now + MAX_CLOCK_SKEW:
            raise Conflict(
                f"the newest value of {name} for {tenant} is dated {newest:%Y-%m-%d %H:%M} UTC, after now",
                hint="an event with a wrong clock was materialized: nothing can be said about freshness",
            )
        held = _quarantined_since(view, name, tenant)
        judged = now if held is None else min(now, held)
        lag = max((judged - newest).total_seconds(), 0.0)
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


def _quarantined_since(view: PlatformView, name: str, tenant: str) -> datetime | None:
    sources = map(view.catalog.source, view.catalog.feature_view(name).sources)
    source = next((s for s in sources if s.tenant == tenant), None)
    return None if source is None else source_spec(view.resources, source.name).quarantine_since
