"""Log lines, to the collector: what is sent is the line as it was written, after redaction."""

from __future__ import annotations

import time
from collections.abc import Mapping, MutableMapping
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Any, cast

from foundation.telemetry.batching import Again, Batch
from foundation.telemetry.otlp import TIMEOUT, address, lost

if TYPE_CHECKING:
    from opentelemetry.context import Context
    from opentelemetry.sdk._logs import ReadableLogRecord
    from opentelemetry.sdk.resources import Resource

_SEVERITY = {"debug": 5, "info": 9, "warning": 13, "error": 17, "exception": 17, "critical": 21}
"""https://opentelemetry.io/docs/specs/otel/logs/data-model/#field-severitynumber"""

_OWN = frozenset({"event", "level", "timestamp", "trace_id", "span_id"})
_OURS = ("opentelemetry", "urllib3", "requests")
"""What the exporter itself says is not sent through the exporter."""


class LogExport:
    """A structlog processor for the end of the chain: hands each line on as it is, having queued a copy."""

    def __init__(self, endpoint: str, resource: Resource, headers: Mapping[str, str] | None = None) -> None:
        from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
        from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceResponse
        from opentelemetry.sdk.util.instrumentation import InstrumentationScope

        from foundation.telemetry.delivery import Delivery

        self._delivery = Delivery(ExportLogsServiceResponse, "rejected_log_records")
        self._exporter = OTLPLogExporter(
            endpoint=address(endpoint, "logs"), headers=dict(headers or {}), timeout=TIMEOUT, session=self._delivery
        )
        self._resource = resource
        self._scope = InstrumentationScope("vigia")
        self._batch: Batch[ReadableLogRecord] = Batch(self._export, lost=partial(lost, "logs"))

    def __call__(self, _logger: object, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        if not str(event.get("logger", "")).startswith(_OURS):
            self._batch.add(self._record(event))
        return event

    def close(self) -> None:
        self._batch.close(TIMEOUT)
        self._exporter.shutdown()

    def flush(self) -> None:
        self._batch.flush()

    def _record(self, event: Mapping[str, Any]) -> ReadableLogRecord:
        from opentelemetry._logs import LogRecord, SeverityNumber
        from opentelemetry.sdk._logs import ReadableLogRecord

        level = str(event.get("level", "info")).lower()
        record = LogRecord(
            timestamp=_nanoseconds(event.get("timestamp")),
            observed_timestamp=time.time_ns(),
            context=_context(event.get("trace_id"), event.get("span_id")),
            severity_text=level.upper(),
            severity_number=SeverityNumber(_SEVERITY.get(level, 9)),
            body=str(event.get("event", "")),
            attributes={key: _value(value) for key, value in event.items() if key not in _OWN and value is not None},
        )
        return ReadableLogRecord(log_record=record, resource=self._resource, instrumentation_scope=self._scope)

    def _export(self, records: list[ReadableLogRecord]) -> Again | int:
        self._delivery.begin()
        self._exporter.export(records)
        return self._delivery.outcome(len(records))


def _context(trace_id: str | None, span_id: str | None) -> Context:
    """Of the span that the line was written in."""
    from opentelemetry.context import Context
    from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags, set_span_in_context

    if not trace_id or not span_id:
        return Context()
    written_in = SpanContext(int(trace_id, 16), int(span_id, 16), is_remote=False, trace_flags=TraceFlags(1))
    return set_span_in_context(NonRecordingSpan(written_in), Context())


def _nanoseconds(timestamp: object) -> int:
    try:
        return int(datetime.fromisoformat(str(timestamp)).timestamp() * 1e6) * 1000
    except ValueError:
        return time.time_ns()


def _value(value: object) -> Any:
    """As OTLP's AnyValue can hold it."""
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, Mapping):
        return {str(key): _value(item) for key, item in cast(Mapping[object, object], value).items()}
    if isinstance(value, list | tuple):
        return [_value(item) for item in cast(list[object], value)]
    return str(value)
