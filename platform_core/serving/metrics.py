"""What the inference server tells Prometheus."""

from __future__ import annotations

from collections.abc import Callable

from prometheus_client import Counter, Gauge, Histogram

from foundation.telemetry.metrics import new_registry
from platform_core.serving.found import RowFeatures

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.02, 0.035, 0.05, 0.075, 0.1, 0.15, 0.25, 0.5, 1.0, 2.5)


class ServingMetrics:
    """In a registry of its own, so that two applications in one process do not count together."""

    def __init__(self) -> None:
        self.registry = new_registry()
        self.predictions = Counter(
            "vigia_predictions", "Scores given.", ["endpoint", "version", "decision"], registry=self.registry
        )
        self.latency = Histogram(
            "vigia_prediction_latency_seconds",
            "From the request read to the answer written.",
            ["endpoint"],
            buckets=_SECONDS,
            registry=self.registry,
        )
        self.online_read = Histogram(
            "vigia_online_read_seconds", "One retrieval of features.", buckets=_SECONDS, registry=self.registry
        )
        self.errors = Counter(
            "vigia_prediction_errors", "Requests not scored.", ["endpoint", "code"], registry=self.registry
        )
        self.features = Counter(
            "vigia_prediction_features",
            "Feature values that were missing, expired or replaced by a default, as scored.",
            ["endpoint", "status"],
            registry=self.registry,
        )
        self.fallbacks = Counter(
            "vigia_prediction_fallbacks",
            "Scores given without fresh features, by what stood in.",
            ["endpoint", "fallback"],
            registry=self.registry,
        )
        self.late = Counter(
            "vigia_prediction_store_late",
            "Reads given up, by why: budget, unavailable, store_failed, or circuit: the store was not asked at all.",
            ["endpoint", "reason"],
            registry=self.registry,
        )
        self.store_circuit = Gauge(
            "vigia_prediction_store_circuit_open",
            "1 while an endpoint goes without the online store, but for a request that tries it.",
            ["endpoint"],
            registry=self.registry,
        )
        self.shed = Counter(
            "vigia_predictions_shed", "Requests refused for too many in hand.", ["endpoint"], registry=self.registry
        )
        self.refused = Counter(
            "vigia_prediction_callers_refused",
            "Requests of callers who may not score.",
            ["code"],
            registry=self.registry,
        )
        self.in_flight = Gauge("vigia_predictions_in_flight", "Requests in hand.", ["endpoint"], registry=self.registry)
        self.log_dropped = Gauge(
            "vigia_prediction_log_dropped", "Scores that did not reach the prediction log.", registry=self.registry
        )
        self.log_lost = Gauge(
            "vigia_prediction_log_lost",
            "Scores that workers had taken when they were killed, as the one that took over counted.",
            registry=self.registry,
        )
        self.shadows_failed = Gauge(
            "vigia_prediction_shadows_failed", "Shadow scores that a model failed to make.", registry=self.registry
        )
        self.log_waiting = Gauge(
            "vigia_prediction_log_waiting",
            "What the offline store has not taken yet.",
            ["where"],
            registry=self.registry,
        )
        self._meters: dict[str, EndpointMeters] = {}

    def of(self, endpoint: str) -> EndpointMeters:
        """The meters of one that is served, looked up once."""
        meters = self._meters.get(endpoint)
        if meters is None:
            meters = self._meters[endpoint] = EndpointMeters(self, endpoint)
        return meters


class EndpointMeters:
    """The metrics of one endpoint with their labels resolved."""

    def __init__(self, metrics: ServingMetrics, endpoint: str) -> None:
        self._metrics = metrics
        self._endpoint = endpoint
        self._latency = metrics.latency.labels(endpoint).observe
        self._online_read = metrics.online_read.observe
        self._predictions: dict[tuple[str, bool], Callable[[], None]] = {}
        self.shed = metrics.shed.labels(endpoint).inc
        self.in_flight = 0
        metrics.in_flight.labels(endpoint).set_function(lambda: self.in_flight)

    def answered(self, latency: float, store: float) -> None:
        """A request, in seconds of the wall; `store` 0 when nothing was read."""
        self._latency(latency)
        if store:
            self._online_read(store)

    def predicted(self, version: str, declined: bool) -> None:
        count = self._predictions.get((version, declined))
        if count is None:
            decision = "decline" if declined else "approve"
            child = self._metrics.predictions.labels(self._endpoint, version, decision)
            count = self._predictions[version, declined] = child.inc
        count()

    def degraded(self, features: RowFeatures) -> None:
        for status in ("missing", "expired", "defaulted"):
            names = getattr(features, status)
            if names:
                self._metrics.features.labels(self._endpoint, status).inc(len(names))
        if features.fallback is not None:
            self._metrics.fallbacks.labels(self._endpoint, features.fallback).inc()

    def late(self, reason: str) -> None:
        self._metrics.late.labels(self._endpoint, reason).inc()

    def failed(self, code: str) -> None:
        self._metrics.errors.labels(self._endpoint, code).inc()
