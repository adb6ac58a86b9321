"""Traces through OpenTelemetry.

Without an endpoint spans live only in this process: they still give logs and audit their trace ids. With one they are
sent over OTLP/HTTP to any backend. What a span says about a failure is the type of the exception and its redacted
message, never the stack, which would carry the values of production.

Whether a trace is sampled is decided once, where it begins, and costs next to nothing when it is not: the ids are made,
because logs carry them, and what happens inside makes no spans and redacts no attributes. A trace that somebody else
began (`traceparent`) keeps their decision.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from contextvars import Token
from types import TracebackType
from typing import TYPE_CHECKING

from opentelemetry import context, trace
from opentelemetry.context import Context
from opentelemetry.trace import INVALID_SPAN, NonRecordingSpan, Span, SpanContext, SpanKind, Status, StatusCode

from foundation.outside_text import WITHHELD
from foundation.telemetry.semconv import ERROR_TYPE, PLAIN

if TYPE_CHECKING:
    from collections.abc import Mapping

    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import SpanProcessor, TracerProvider

AttributeValue = str | int | float | bool | None
_random = random.Random()  # noqa: S311 - trace ids are names, not secrets


class _Telemetry:
    """What `configure_traces` set for this process."""

    tracer: trace.Tracer = trace.NoOpTracer()
    redact: Callable[[str], str] | None = None
    sample: float = 1.0


def configure_traces(
    service: str,
    otlp_endpoint: str | None = None,
    *,
    redact: Callable[[str], str] | None = None,
    processors: tuple[SpanProcessor, ...] = (),
    sample: float = 1.0,
    resource: Resource | None = None,
    headers: Mapping[str, str] | None = None,
) -> TracerProvider:
    """Start tracing as `service`. Call `shutdown()` on the answer to flush before the process ends.

    `otlp_endpoint` is the collector's base address (`http://collector:4318`). `redact` is applied to every text
    attribute. `processors` see finished spans, in tests for instance. `sample`: the share of traces begun here that is
    kept, 0..1.
    """
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.sampling import ALWAYS_ON, ParentBased

    from foundation.telemetry.otlp import make_resource

    provider = TracerProvider(
        resource=resource or make_resource(service), sampler=ParentBased(ALWAYS_ON), shutdown_on_exit=False
    )
    for processor in processors:
        provider.add_span_processor(processor)
    if otlp_endpoint:
        from foundation.telemetry.span_export import SpanExport

        provider.add_span_processor(SpanExport(otlp_endpoint, headers))
    # After a fork two processes must not go on with the same numbers.
    _random.seed()
    _Telemetry.tracer = provider.get_tracer("vigia")
    _Telemetry.redact = redact
    _Telemetry.sample = sample
    return provider


def span(name: str, /, **attributes: AttributeValue) -> AbstractContextManager[Span]:
    """A span around a block. Attributes that are None are left out; an exception marks the span and goes on."""
    return _Scope(name, None, SpanKind.INTERNAL, attributes)


def server_span(name: str, remote: SpanContext | None, /, **attributes: AttributeValue) -> AbstractContextManager[Span]:
    """As `span`, around the answer to a request; `remote` is the caller's span, in another process."""
    return _Scope(name, remote, SpanKind.SERVER, attributes)


def past_span(name: str, began: float, seconds: float, /, **attributes: AttributeValue) -> None:
    """A span under the current one, of what is over: it began at `began` of `perf_counter` and took `seconds`. So what
    is seldom traced needs no scopes where it happens."""
    if not trace.get_current_span().is_recording():
        return
    start = time.time_ns() - int((time.perf_counter() - began) * 1e9)
    made = _Telemetry.tracer.start_span(name, kind=SpanKind.INTERNAL, start_time=start)
    set_attributes(made, **attributes)
    made.end(start + int(seconds * 1e9))


class _Scope(AbstractContextManager[Span]):
    """A class and not a generator: it is entered on every request."""

    __slots__ = ("_attributes", "_kind", "_name", "_remote", "_span", "_token")

    def __init__(
        self, name: str, remote: SpanContext | None, kind: SpanKind, attributes: dict[str, AttributeValue]
    ) -> None:
        self._name = name
        self._remote = remote
        self._kind = kind
        self._attributes = attributes
        self._span: Span = INVALID_SPAN
        self._token: Token[Context] | None = None

    def __enter__(self) -> Span:
        within = context.get_current() if self._remote is None else _of(NonRecordingSpan(self._remote))
        parent = trace.get_current_span(within)
        known = parent.get_span_context()
        if known.is_valid and not known.trace_flags.sampled:
            if not known.is_remote:
                self._span = parent  # nothing of this trace is kept; its ids are already in the context
                return parent
            self._span = NonRecordingSpan(SpanContext(known.trace_id, _random.getrandbits(64) or 1, is_remote=False))
        elif not known.is_valid and _Telemetry.sample < 1.0 and _random.random() >= _Telemetry.sample:
            ids = _random.getrandbits(128) or 1, _random.getrandbits(64) or 1
            self._span = NonRecordingSpan(SpanContext(*ids, is_remote=False))
        else:
            self._span = _Telemetry.tracer.start_span(self._name, within, self._kind)
            set_attributes(self._span, **self._attributes)
        self._token = context.attach(_of(self._span))
        return self._span

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._token is None:
            return
        if self._span.is_recording():
            if error is not None:
                mark_failed(self._span, error)
            self._span.end()
        context.detach(self._token)


def _of(current: Span) -> Context:
    return trace.set_span_in_context(current)


def set_attributes(current: Span, **attributes: AttributeValue) -> None:
    """Set `attributes` on `current`, texts redacted but those that are of our own few words."""
    if not current.is_recording():
        return
    for key, value in attributes.items():
        if value is not None:
            outside = isinstance(value, str) and key not in PLAIN
            current.set_attribute(key, _redacted(str(value)) if outside else value)


def mark_failed(current: Span, error: BaseException) -> None:
    """Of an error that does not leave the span's block."""
    current.set_attribute(ERROR_TYPE, type(error).__qualname__)
    current.set_status(Status(StatusCode.ERROR, _redacted(str(error))))


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
