"""Online and offline disagree: values served are not what the events say."""

from __future__ import annotations

from datetime import timedelta

from platform_core.monitoring.agreement import Agreement, compare
from platform_core.monitoring.alert import Alert
from platform_core.monitoring.monitor import Monitor, Watch, alert
from platform_core.monitoring.recent import Kept
from platform_core.view import PlatformView

SAMPLE = 100
MINIMUM_ROWS = 10
EVERY = timedelta(minutes=30)


class ParityMonitor(Monitor):
    """`parity-<view>-<tenant>`; threshold: the share of sampled values that may differ, e.g. 0.02. Looked at every half
    hour: it recomputes the most recently written rows from their events."""

    prefix = "parity"
    watched = "view"

    def __init__(self) -> None:
        super().__init__()
        self._found: Kept[Agreement | None] = Kept(EVERY)

    def look(self, view: PlatformView, watch: Watch) -> Alert | None:
        name, tenant = watch.parts
        now = view.clock.now()
        found = self._found.get(watch.name, watch.spec, now, lambda: _agreement(view, name, tenant))
        if found is None:
            return None
        self.readings[watch.name] = found.rate
        if found.sampled < MINIMUM_ROWS or found.rate <= watch.spec.threshold:
            return None
        examples = "; ".join(
            f"{d.feature} of {d.key!r} at {d.event_ts:%H:%M:%S}: online {d.online}, recomputed {d.recomputed}"
            for d in found.examples
        )
        return alert(
            watch,
            "parity",
            now=now,
            value=found.rate,
            severity="critical",
            summary=f"{name} of {tenant}: {found.mismatches} of {found.compared} values of the {found.sampled} rows "
            f"written last differ from their events; {examples}"[:2000],
        )


def _agreement(view: PlatformView, name: str, tenant: str) -> Agreement | None:
    spec = view.catalog.feature_view(name)
    source = next((s for s in map(view.catalog.source, spec.sources) if s.tenant == tenant), None)
    sample = view.online.sample(tenant, name, SAMPLE)
    if source is None or not sample:
        return None
    return compare(view, spec, source, sample)
