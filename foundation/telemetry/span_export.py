"""Finished spans, to the collector."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor

from foundation.telemetry.batching import Again, Batch
from foundation.telemetry.delivery import Delivery
from foundation.telemetry.otlp import TIMEOUT, address, lost


class SpanExport(SpanProcessor):
    def __init__(self, endpoint: str, headers: Mapping[str, str] | None = None) -> None:
        self._delivery = Delivery(ExportTraceServiceResponse, "rejected_spans")
        self._exporter = OTLPSpanExporter(
            endpoint=address(endpoint, "traces"),
            headers=dict(headers or {}),
            timeout=TIMEOUT,
            session=self._delivery,
        )
        self._batch: Batch[ReadableSpan] = Batch(self._export, lost=partial(lost, "traces"))

    def _export(self, spans: list[ReadableSpan]) -> Again | int:
        self._delivery.begin()
        self._exporter.export(spans)
        return self._delivery.outcome(len(spans))

    def on_end(self, span: ReadableSpan) -> None:
        self._batch.add(span)

    def shutdown(self) -> None:
        self._batch.close(TIMEOUT)
        self._exporter.shutdown()

    def force_flush(self, timeout_millis: int = 30000) -> bool:
        self._batch.flush()
        return True
