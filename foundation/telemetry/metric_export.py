"""Metrics, to the collector: what `/metrics` would answer, sent.

There is one set of instruments, those of prometheus_client; a scrape and a push tell the same figures. Kinds are mapped
as the OpenTelemetry specification maps them (compatibility/prometheus_and_openmetrics): counters become monotonic
cumulative sums, histograms cumulative histograms, gauges gauges; `_created` tells where a sum starts.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, cast

from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceResponse
from opentelemetry.sdk.metrics.export import (
    AggregationTemporality,
    Gauge,
    Histogram,
    HistogramDataPoint,
    Metric,
    MetricsData,
    NumberDataPoint,
    ResourceMetrics,
    ScopeMetrics,
    Sum,
)
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from prometheus_client import CollectorRegistry
from prometheus_client.metrics_core import Metric as Family

from foundation.telemetry.delivery import Delivery
from foundation.telemetry.otlp import TIMEOUT, address, lost

if TYPE_CHECKING:
    from opentelemetry.sdk.resources import Resource

_UNKNOWN = cast(float, None)
"""Prometheus keeps neither the least nor the greatest; in OTLP both are optional."""

_SCOPE = InstrumentationScope("vigia")


class MetricExport:
    """Sends the registries that `registries` answers, every `seconds` of the wall and once at the end."""

    def __init__(
        self,
        endpoint: str,
        resource: Resource,
        registries: Callable[[], Iterable[CollectorRegistry]],
        *,
        seconds: float,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        self._delivery = Delivery(ExportMetricsServiceResponse, "rejected_data_points")
        self._exporter = OTLPMetricExporter(
            endpoint=address(endpoint, "metrics"),
            headers=dict(headers or {}),
            timeout=TIMEOUT,
            session=self._delivery,
        )
        self._resource = resource
        self._registries = registries
        self._seconds = seconds
        self._began = time.time_ns()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="metric-export", daemon=True)
        self._thread.start()

    def send(self) -> None:
        try:
            metrics = to_otlp(self._registries(), began=self._began, now=time.time_ns())
            data = MetricsData([ResourceMetrics(self._resource, [ScopeMetrics(_SCOPE, metrics, "")], "")])
            self._delivery.begin()
            self._exporter.export(data, timeout_millis=TIMEOUT * 1000)
            arrived = self._delivery.outcome(1) == 0
        except Exception:  # noqa: BLE001 telemetry must not break what it watches; what was lost is counted
            arrived = False
        if not arrived:
            lost("metrics", 1)

    def close(self) -> None:
        self._stop.set()
        self._thread.join(TIMEOUT)
        self._exporter.shutdown()

    def _run(self) -> None:
        while not self._stop.wait(self._seconds):
            self.send()
        self.send()


def to_otlp(registries: Iterable[CollectorRegistry], *, began: int, now: int) -> list[Metric]:
    """Every family of every registry; `began` is when this process started, `now` when this was read (nanoseconds)."""
    found: list[Metric] = []
    for registry in registries:
        for family in registry.collect():
            data = _data(family, began, now)
            if data is not None:
                found.append(Metric(family.name, family.documentation, _unit(family.name), data))
    return found


def _data(family: Family, began: int, now: int) -> Any:
    if family.type == "histogram":
        return Histogram(_histograms(family, began, now), AggregationTemporality.CUMULATIVE)
    if family.type == "counter":
        points = _numbers(family, f"{family.name}_total", began, now)
        return Sum(points, AggregationTemporality.CUMULATIVE, is_monotonic=True) if points else None
    points = _numbers(family, family.name, began, now)
    return Gauge(points) if points else None


def _numbers(family: Family, name: str, began: int, now: int) -> list[NumberDataPoint]:
    return [
        NumberDataPoint(dict(sample.labels), began, now, sample.value)
        for sample in family.samples
        if sample.name == name and not math.isnan(sample.value)
    ]


def _histograms(family: Family, began: int, now: int) -> list[HistogramDataPoint]:
    series: dict[tuple[tuple[str, str], ...], dict[str, Any]] = {}
    for sample in family.samples:
        labels = tuple(sorted((key, value) for key, value in sample.labels.items() if key != "le"))
        one = series.setdefault(labels, {"buckets": [], "sum": 0.0, "count": 0})
        if sample.name.endswith("_bucket"):
            one["buckets"].append((float(sample.labels["le"]), int(sample.value)))
        elif sample.name.endswith("_sum"):
            one["sum"] = sample.value
        elif sample.name.endswith("_count"):
            one["count"] = int(sample.value)
    return [_histogram(dict(labels), one, began, now) for labels, one in series.items() if one["buckets"]]


def _histogram(labels: dict[str, str], one: dict[str, Any], began: int, now: int) -> HistogramDataPoint:
    buckets: list[tuple[float, int]] = sorted(one["buckets"])
    counts = [count - before for (_, count), (_, before) in zip(buckets, [(0.0, 0), *buckets], strict=False)]
    return HistogramDataPoint(
        attributes=labels,
        start_time_unix_nano=began,
        time_unix_nano=now,
        count=one["count"],
        sum=one["sum"],
        bucket_counts=counts,
        explicit_bounds=[bound for bound, _ in buckets if not math.isinf(bound)],
        min=_UNKNOWN,
        max=_UNKNOWN,
    )


def _unit(name: str) -> str:
    """By the name's last word, as Prometheus has it there: UCUM's letter."""
    return {"seconds": "s", "bytes": "By", "ratio": "1"}.get(name.rpartition("_")[2], "")
