"""Money is spent on an endpoint that is hardly used."""

from __future__ import annotations

from datetime import timedelta

from platform_core.monitoring.alert import Alert
from platform_core.monitoring.monitor import Monitor, Watch, alert
from platform_core.view import PlatformView

DAYS = 14
MINIMUM_DAYS = 12
IDLE_UTILISATION = 0.05
DAYS_PER_MONTH = 30


class CostMonitor(Monitor):
    """`cost-<endpoint>`; threshold: USD a month that may be spent on something idle.

    Idle is a mean CPU utilisation under 5 % on every one of the last 14 whole days: a quiet week is not idleness.
    """

    prefix = "cost"
    watched = "endpoint"

    def look(self, view: PlatformView, watch: Watch) -> Alert | None:
        now = view.clock.now()
        last = now.date() - timedelta(days=1)
        days = view.operations.usage(watch.spec.subject, last - timedelta(days=DAYS - 1), last)
        if len(days) < MINIMUM_DAYS:
            return None
        monthly = sum(day.billed_cost for day in days) / len(days) * DAYS_PER_MONTH
        busiest = max(day.cpu_utilization for day in days)
        self.readings[watch.name] = monthly
        if busiest >= IDLE_UTILISATION or monthly <= watch.spec.threshold:
            return None
        mean = sum(day.cpu_utilization for day in days) / len(days)
        return alert(
            watch,
            "cost",
            now=now,
            value=monthly,
            summary=f"{watch.parts[0]}: USD {monthly:.0f} a month at {mean:.1%} CPU for {len(days)} days, "
            f"{days[-1].replicas:g} replicas, {sum(day.requests for day in days)} requests",
        )
