"""Online and offline disagree: what is served is not the offline history, or that is not what the events say."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from platform_core.monitoring.agreement import Agreement, compare
from platform_core.monitoring.alert import Alert
from platform_core.monitoring.monitor import Monitor, Watch, alert
from platform_core.monitoring.recent import Kept
from platform_core.view import PlatformView

SAMPLE = 100
MINIMUM_ROWS = 10
EVERY = timedelta(minutes=30)


@dataclass(frozen=True, slots=True)
class _Looked:
    found: Agreement | None
    over: bool


class ParityMonitor(Monitor):
    """`parity-<view>-<tenant>`; threshold: the share of sampled values that may differ, e.g. 0.02. Looked at every half
    hour: it reads the history of the most recently written rows and recomputes these from their events. What differed
    is looked at again each time: a row may be on its way from one store to the other."""

    prefix = "parity"
    watched = "view"

    def __init__(self) -> None:
        super().__init__()
        self._looked: Kept[_Looked] = Kept(EVERY, lambda looked: looked.found is not None and not looked.over)

    def look(self, view: PlatformView, watch: Watch) -> Alert | None:
        now = view.clock.now()
        looked = self._looked.get(watch.name, watch.spec, now, lambda: _look(view, watch))
        if (found := looked.found) is None:
            return None
        self.readings[watch.name] = found.rate
        if not looked.over:
            return None
        name, tenant = watch.parts
        return alert(
            watch,
            "parity",
            now=now,
            value=found.rate,
            severity="critical",
            summary=f"{name} of {tenant}: {found.mismatches} of {found.compared} values of the {found.sampled} rows "
            f"written last differ; {found.said}"[:2000],
        )


def _look(view: PlatformView, watch: Watch) -> _Looked:
    name, tenant = watch.parts
    spec = view.catalog.feature_view(name)
    source = next((s for s in map(view.catalog.source, spec.sources) if s.tenant == tenant), None)
    sample = view.online.sample(tenant, name, SAMPLE)
    if source is None or not sample:
        return _Looked(None, over=False)
    found = compare(view, spec, source, sample)
    return _Looked(found, over=found.sampled >= MINIMUM_ROWS and found.rate > watch.spec.threshold)
