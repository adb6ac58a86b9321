"""An OTLP/HTTP receiver on loopback: decodes what arrives with OpenTelemetry's own protobuf definitions."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord
from opentelemetry.proto.metrics.v1.metrics_pb2 import Metric
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from tests.fakes.scripted_http import Answer, Asked, scripted_server


@dataclass
class Received:
    endpoint: str = ""
    spans: list[Span] = field(default_factory=list[Span])
    logs: list[LogRecord] = field(default_factory=list[LogRecord])
    metrics: dict[str, Metric] = field(default_factory=dict[str, Metric])
    """The newest of each name."""

    resources: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    headers: list[dict[str, str]] = field(default_factory=list[dict[str, str]])
    raw: bytes = b""


def attributes(pairs: Any) -> dict[str, Any]:
    """OTLP's list of pairs as a mapping."""
    return {pair.key: _value(pair.value) for pair in pairs}


def _value(value: Any) -> Any:
    kind = value.WhichOneof("value")
    if kind == "array_value":
        return [_value(item) for item in value.array_value.values]
    if kind == "kvlist_value":
        return attributes(value.kvlist_value.values)
    return getattr(value, kind) if kind else None


@contextmanager
def otlp_receiver(status: int = 200) -> Iterator[Received]:
    """Collects what is sent; with another `status` it refuses everything."""
    received = Received()

    def answer(asked: Asked) -> Answer:
        if status != 200:
            return status, b""
        assert asked.headers["content-type"] == "application/x-protobuf"
        body = gzip.decompress(asked.body) if asked.headers.get("content-encoding") == "gzip" else asked.body
        received.raw += body
        received.headers.append(asked.headers)
        if asked.path == "/v1/traces":
            traces = ExportTraceServiceRequest.FromString(body)
            for group in traces.resource_spans:
                received.resources.append(attributes(group.resource.attributes))
                received.spans += [span for scope in group.scope_spans for span in scope.spans]
        elif asked.path == "/v1/logs":
            logs = ExportLogsServiceRequest.FromString(body)
            for group in logs.resource_logs:
                received.resources.append(attributes(group.resource.attributes))
                received.logs += [record for scope in group.scope_logs for record in scope.log_records]
        elif asked.path == "/v1/metrics":
            metrics = ExportMetricsServiceRequest.FromString(body)
            for group in metrics.resource_metrics:
                received.resources.append(attributes(group.resource.attributes))
                received.metrics |= {metric.name: metric for scope in group.scope_metrics for metric in scope.metrics}
        else:
            return 404, b""
        return 200, b""

    with scripted_server(answer) as server:
        received.endpoint = server.address
        yield received
