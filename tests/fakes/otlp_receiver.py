"""A strict OTLP/HTTP receiver on loopback: it decodes with OpenTelemetry's own protobuf definitions and holds what
arrives to the specification. What does not keep to it is refused, and fails the test at the end of the block.

Sources: https://opentelemetry.io/docs/specs/otlp/#otlphttp, and the comments of opentelemetry-proto.
"""

from __future__ import annotations

import gzip
import zlib
from collections import deque
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from google.protobuf.message import DecodeError, Message
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest, ExportLogsServiceResponse
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
    ExportMetricsServiceResponse,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord
from opentelemetry.proto.metrics.v1.metrics_pb2 import Metric
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from tests.fakes.scripted_http import Answer, Asked, scripted_server

PROTOBUF = {"Content-Type": "application/x-protobuf"}


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
    answers: deque[tuple[int, Mapping[str, str]]] = field(default_factory=deque[tuple[int, Mapping[str, str]]])
    """What the next requests are answered, unread: (status, headers) each."""

    rejects: int = 0
    """Of the next request so many items are not taken (a partial success)."""

    faults: list[str] = field(default_factory=list[str])
    """What did not keep to the specification."""


class _Refused(Exception):
    def __init__(self, status: int, why: str) -> None:
        super().__init__(why)
        self.status = status


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
def otlp_receiver(status: int = 200, *, port: int = 0) -> Generator[Received]:
    """Collects what is sent; with another `status` it refuses everything."""
    received = Received()

    def answer(asked: Asked) -> Answer:
        if status != 200:
            return status, b""
        if received.answers:
            code, headers = received.answers.popleft()
            return code, b"", dict(headers)
        try:
            return 200, _take(received, asked).SerializeToString(), PROTOBUF
        except _Refused as refused:
            received.faults.append(f"{asked.path}: {refused}")
            return refused.status, b""

    with scripted_server(answer, port=port) as server:
        received.endpoint = server.address
        yield received
    assert received.faults == [], received.faults


def _take(received: Received, asked: Asked) -> Message:
    known: dict[str, Callable[[Received, bytes, int], Message]] = {
        "/v1/traces": _traces,
        "/v1/logs": _logs,
        "/v1/metrics": _metrics,
    }
    if asked.path not in known:
        raise _Refused(404, "no such path")
    if asked.method != "POST":
        raise _Refused(405, f"{asked.method} is not POST")
    if asked.headers.get("content-type") != "application/x-protobuf":
        raise _Refused(415, f"the content type is {asked.headers.get('content-type')!r}")
    body = _plain(asked)
    rejects, received.rejects = received.rejects, 0
    try:
        told = known[asked.path](received, body, rejects)
    except DecodeError as error:
        raise _Refused(400, str(error)) from error
    received.raw += body
    received.headers.append(asked.headers)
    return told


def _plain(asked: Asked) -> bytes:
    encoding = asked.headers.get("content-encoding", "identity")
    if encoding == "identity":
        return asked.body
    if encoding != "gzip":
        raise _Refused(415, f"the content encoding is {encoding!r}")
    try:
        return gzip.decompress(asked.body)
    except (OSError, EOFError, zlib.error) as error:
        raise _Refused(400, f"not gzip: {error}") from error


def _traces(received: Received, body: bytes, rejects: int) -> Message:
    found: list[Span] = []
    for group in ExportTraceServiceRequest.FromString(body).resource_spans:
        _resource(received, group.resource)
        found += [span for scope in group.scope_spans for span in scope.spans]
    for span in found:
        _must(len(span.trace_id) == 16 and any(span.trace_id), f"a trace id of {span.trace_id!r}")
        _must(len(span.span_id) == 8 and any(span.span_id), f"a span id of {span.span_id!r}")
        _must(len(span.parent_span_id) in {0, 8}, f"a parent of {span.parent_span_id!r}")
        _must(bool(span.name), "a span without a name")
        _must(0 < span.start_time_unix_nano <= span.end_time_unix_nano, f"the times of {span.name!r}")
        _distinct(span.attributes)
    received.spans += found[rejects:]
    return ExportTraceServiceResponse(**_partly(rejects, "rejected_spans"))


def _logs(received: Received, body: bytes, rejects: int) -> Message:
    found: list[LogRecord] = []
    for group in ExportLogsServiceRequest.FromString(body).resource_logs:
        _resource(received, group.resource)
        found += [record for scope in group.scope_logs for record in scope.log_records]
    for record in found:
        _must(record.observed_time_unix_nano > 0, "a line that nobody observed")
        _must(0 <= record.severity_number <= 24, f"severity {record.severity_number}")
        _must((len(record.trace_id), len(record.span_id)) in {(0, 0), (16, 8)}, "half a span")
        _distinct(record.attributes)
    received.logs += found[rejects:]
    return ExportLogsServiceResponse(**_partly(rejects, "rejected_log_records"))


def _metrics(received: Received, body: bytes, rejects: int) -> Message:
    found: list[Metric] = []
    for group in ExportMetricsServiceRequest.FromString(body).resource_metrics:
        _resource(received, group.resource)
        found += [metric for scope in group.scope_metrics for metric in scope.metrics]
    _must(len({metric.name for metric in found}) == len(found), "a metric twice")
    for metric in found:
        _metric(metric)
    received.metrics |= {metric.name: metric for metric in found}
    return ExportMetricsServiceResponse(**_partly(rejects, "rejected_data_points"))


def _metric(metric: Metric) -> None:
    kind = metric.WhichOneof("data")
    _must(bool(metric.name) and kind is not None, f"{metric.name!r} is of no kind")
    points = getattr(metric, str(kind)).data_points
    _must(len(points) > 0, f"{metric.name} has no point")
    labels = {str(sorted(attributes(point.attributes).items())) for point in points}
    _must(len(labels) == len(points), f"{metric.name} has a point twice")
    for point in points:
        _distinct(point.attributes)
        # A gauge needs no beginning; a sum without one cannot be told from one that began again.
        begins = kind == "gauge" or point.start_time_unix_nano > 0
        _must(begins and point.start_time_unix_nano <= point.time_unix_nano, f"the times of {metric.name}")
        if kind == "histogram":
            _must(metric.histogram.aggregation_temporality == 2, f"{metric.name} is not cumulative")
            _must(len(point.bucket_counts) == len(point.explicit_bounds) + 1, f"the buckets of {metric.name}")
            _must(sum(point.bucket_counts) == point.count, f"the count of {metric.name}")
            _must(list(point.explicit_bounds) == sorted(set(point.explicit_bounds)), f"the bounds of {metric.name}")
        if kind == "sum":
            _must(metric.sum.aggregation_temporality == 2, f"{metric.name} is not cumulative")


def _partly(rejects: int, name: str) -> dict[str, Any]:
    return {"partial_success": {name: rejects, "error_message": "not all of it"}} if rejects else {}


def _resource(received: Received, resource: Any) -> None:
    _distinct(resource.attributes)
    told = attributes(resource.attributes)
    _must(bool(told.get("service.name")), "a resource without service.name")
    received.resources.append(told)


def _distinct(pairs: Any) -> None:
    keys = [pair.key for pair in pairs]
    _must(len(set(keys)) == len(keys) and all(keys), f"attributes {keys}")


def _must(holds: bool, otherwise: str) -> None:
    if not holds:
        raise _Refused(400, otherwise)
