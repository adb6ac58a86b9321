"""What the inference server tells Prometheus."""

from __future__ import annotations

from prometheus_client import Counter, Gauge, Histogram

from foundation.telemetry.metrics import new_registry

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
        self.log_dropped = Gauge(
            "vigia_prediction_log_dropped", "Scores that did not reach the prediction log.", registry=self.registry
        )
