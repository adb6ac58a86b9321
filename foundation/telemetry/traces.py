"""Traces through OpenTelemetry.

Without an endpoint spans live only in this process: they still give logs and audit their trace ids. With one they are
sent over OTLP/HTTP to any backend. What a span says about a failure is the type of the exception and its redacted
message, never the stack, which would carry the values of production.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from opentelemetry import trace
from opentelemetry.trace import Span, Status, StatusCode

from foundation.outside_text import WITHHELD
from foundation.telemetry.semconv import ERROR_TYPE

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import SpanProcessor, TracerProvider

AttributeValue = str | int | float | bool | None


class _Telemetry:
    """What `configure_traces` set for this process."""

    tracer: trace.Tracer = trace.NoOpTracer()
    redact: Callable[[str], str] | None = None


def configure_traces(
    service: str,
    otlp_endpoint: str | None = None,
    *,
    redact: Callable[[str], str] | None = None,
    processors: tuple[SpanProcessor, ...] = (),
) -> TracerProvider:
    """Start tracing as `service`. Call `shutdown()` on the answer to flush before the process ends.

    `otlp_endpoint` is the collector's base address (`http://collector:4318`); the path `/v1/traces` is added if it is
    not there. `redact` is applied to every text attribute. `processors` see finished spans, in tests for instance.
    """
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider

    provider = TracerProvider(resource=Resource.create({"service.name": service}), shutdown_on_exit=False)
    for processor in processors:
        provider.add_span_processor(processor)
    if otlp_endpoint:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.trace.export import BatchSpanProcessor

        base = otlp_endpoint.rstrip("/")
        address = base if base.endswith("/v1/traces") else f"{base}/v1/traces"
        provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint=address, timeout=5)))
    _Telemetry.tracer = provider.get_tracer("vigia")
    _Telemetry.redact = redact
    return provider


@contextmanager
def span(name: str, **attributes: AttributeValue) -> Generator[Span]:
    """A span around a block. Attributes that are None are left out; an exception marks the span and goes on."""
    with _Telemetry.tracer.start_as_current_span(
        name, record_exception=False, set_status_on_exception=False
    ) as current:
        set_attributes(current, **attributes)
        try:
            yield current
        except BaseException as error:
            current.set_attribute(ERROR_TYPE, type(error).__qualname__)
            current.set_status(Status(StatusCode.ERROR, _redacted(str(error))))
            raise


def set_attributes(current: Span, **attributes: AttributeValue) -> None:
    """Set `attributes` on `current`, texts redacted."""
    for key, value in attributes.items():
        if value is not None:
            current.set_attribute(key, _redacted(value) if isinstance(value, str) else value)


def current_trace_id() -> str | None:
    """The trace's id in 32 hexadecimal digits, or None outside a trace."""
    context = trace.get_current_span().get_span_context()
    return trace.format_trace_id(context.trace_id) if context.is_valid else None


def current_span_id() -> str | None:
    """The span's id in 16 hexadecimal digits, or None outside a span."""
    context = trace.get_current_span().get_span_context()
    return trace.format_span_id(context.span_id) if context.is_valid else None


def _redacted(text: str) -> str:
    if _Telemetry.redact is None:
        return text
    try:
        return _Telemetry.redact(text)
    except Exception:  # noqa: BLE001 telemetry must not break what it watches; the text is withheld, not leaked
        return WITHHELD
