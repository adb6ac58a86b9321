"""How long online reads take, by view and service, against what the view's owner promised."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable
from itertools import accumulate
from threading import Lock

from prometheus_client import Counter, Gauge
from prometheus_client.core import HistogramMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString

from foundation.telemetry.metrics import new_registry
from platform_core.catalog.specs import Catalog
from platform_core.features.read_plan import ReadPlan

_SECONDS = (0.00025, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.035, 0.05, 0.075, 0.1, 0.25, 0.5, 1.0)
_MOST_WATCHED = 256
AD_HOC = "-"
"""The service of a request for a list of features."""


class _Latency:
    """Of one (view, service): readings by bucket, and their sum."""

    __slots__ = ("counts", "limit", "total", "view")

    def __init__(self, view: str, limit: float) -> None:
        self.view = view
        self.limit = limit
        self.counts = [0] * (len(_SECONDS) + 1)
        self.total = 0.0


class _Latencies(Collector):
    """A histogram, without what the client's own does for each reading: that takes as long as the look-up of a row."""

    def __init__(self) -> None:
        self.kept: dict[tuple[str, str], _Latency] = {}

    def describe(self) -> Iterable[Metric]:
        return [self._family()]

    def collect(self) -> Iterable[Metric]:
        family = self._family()
        names = [*map(floatToGoString, _SECONDS), "+Inf"]
        for labels, latency in list(self.kept.items()):
            buckets = list(zip(names, map(float, accumulate(latency.counts)), strict=True))
            family.add_metric(labels, buckets, latency.total)
        return [family]

    def _family(self) -> HistogramMetricFamily:
        text = "From the request for online features to their values."
        return HistogramMetricFamily("vigia_online_features_seconds", text, labels=["view", "service"])


class OnlineReadMetrics:
    """In a registry of its own. A read of several views is one round trip: each of them took as long as it.

    The burn rate of a view's error budget is rate(burned) / rate(seconds_count of all services) / 0.01:
    the SLA is about the 99th percentile.
    """

    def __init__(self, catalog: Catalog) -> None:
        self.registry = new_registry()
        self._latencies = _Latencies()
        self.registry.register(self._latencies)
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
        self._lock = Lock()
        self._watched: dict[ReadPlan, tuple[_Latency, ...]] = {}
        for view in catalog.feature_views:
            if view.latency_sla is not None:
                self.sla.labels(view.name).set(view.latency_sla.total_seconds())
                self.burned.labels(view.name)

    def observe(self, plan: ReadPlan, seconds: float) -> None:
        """A read by `plan` took `seconds`."""
        watched = self._watched.get(plan)
        if watched is None:
            watched = self._watch(plan)
        bucket = bisect_left(_SECONDS, seconds)
        with self._lock:
            for latency in watched:
                latency.counts[bucket] += 1
                latency.total += seconds
                if seconds > latency.limit:
                    self.burned.labels(latency.view).inc()

    def _watch(self, plan: ReadPlan) -> tuple[_Latency, ...]:
        """The counters are looked up once for a plan."""
        service = plan.service or AD_HOC
        found: list[_Latency] = []
        with self._lock:
            for view in plan.views:
                promised = plan.latency_slas.get(view.name)
                limit = float("inf") if promised is None else promised.total_seconds()
                found.append(self._latencies.kept.setdefault((view.name, service), _Latency(view.name, limit)))
            if len(self._watched) >= _MOST_WATCHED:
                self._watched.clear()
            self._watched[plan] = tuple(found)
        return tuple(found)
