"""How long online reads take, by view and service, against what the view's owner promised."""

from __future__ import annotations

from collections.abc import Callable

from prometheus_client import Counter, Gauge, Histogram

from foundation.telemetry.metrics import new_registry
from platform_core.catalog.specs import Catalog
from platform_core.features.read_plan import ReadPlan

_SECONDS = (0.00025, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.035, 0.05, 0.075, 0.1, 0.25, 0.5, 1.0)
AD_HOC = "-"
"""The service of a request for a list of features."""


class OnlineReadMetrics:
    """In a registry of its own. A read of several views is one round trip: each of them took as long as it.

    The burn rate of a view's error budget is rate(burned) / rate(seconds_count of all services) / 0.01:
    the SLA is about the 99th percentile.
    """

    def __init__(self, catalog: Catalog) -> None:
        self.registry = new_registry()
        self.seconds = Histogram(
            "vigia_online_features_seconds",
            "From the request for online features to their values.",
            ["view", "service"],
            buckets=_SECONDS,
            registry=self.registry,
        )
        self.sla = Gauge(
            "vigia_online_features_latency_sla_seconds",
            "What the owner promised for the 99th percentile.",
            ["view"],
            registry=self.registry,
        )
        self.burned = Counter(
            "vigia_online_features_latency_sla_burned",
            "Reads that took longer than their view's promise.",
            ["view"],
            registry=self.registry,
        )
        self.refused = Counter(
            "vigia_online_features_refused",
            "Requests for online features that failed.",
            ["code"],
            registry=self.registry,
        )
        self._watches: dict[tuple[str, str], Callable[[float], None]] = {}
        for view in catalog.feature_views:
            if view.latency_sla is not None:
                self.sla.labels(view.name).set(view.latency_sla.total_seconds())
                self.burned.labels(view.name)

    def observe(self, plan: ReadPlan, seconds: float) -> None:
        """A read by `plan` took `seconds`."""
        for view in plan.views:
            watch = self._watches.get((view.name, plan.service))
            if watch is None:
                watch = self._watches[view.name, plan.service] = self._watch(view.name, plan)
            watch(seconds)

    def _watch(self, view: str, plan: ReadPlan) -> Callable[[float], None]:
        """The labels are looked up once."""
        record = self.seconds.labels(view, plan.service or AD_HOC).observe
        promised = plan.latency_slas.get(view)
        if promised is None:
            return record
        limit = promised.total_seconds()
        burn = self.burned.labels(view).inc

        def watch(seconds: float) -> None:
            record(seconds)
            if seconds > limit:
                burn()

        return watch
