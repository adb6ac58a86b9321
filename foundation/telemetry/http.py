"""A span for every HTTP request, by the semantic conventions for HTTP servers.

What a caller writes into a path is not in it: the span has the route (`/v1/incidents/{incident}`), not the address.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from time import perf_counter
from typing import Any

from opentelemetry.trace import SpanContext, Status, StatusCode, TraceFlags

from foundation.telemetry import semconv
from foundation.telemetry.traces import server_span, set_attributes

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[MutableMapping[str, Any], Receive, Send], Awaitable[None]]

QUIET = frozenset({"/livez", "/readyz", "/metrics"})
"""Asked all the time, by machines."""

_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH"})


class TraceRequests:
    """ASGI middleware. `observe` is told (method, route, status, seconds of the wall) of every request. Paths that
    begin with one of `beside` make their own spans."""

    def __init__(
        self,
        app: App,
        *,
        observe: Callable[[str, str, int, float], None] | None = None,
        beside: tuple[str, ...] = (),
    ) -> None:
        self._app = app
        self._observe = observe
        self._beside = beside

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] in QUIET or scope["path"].startswith(self._beside):
            await self._app(scope, receive, send)
            return
        method = scope["method"] if scope["method"] in _METHODS else "_OTHER"
        answered = [500]

        async def watched(message: Message) -> None:
            if message["type"] == "http.response.start":
                answered[0] = message["status"]
            await send(message)

        began = perf_counter()
        with server_span(method, remote_parent(scope["headers"])) as current:
            try:
                await self._app(scope, receive, watched)
            finally:
                route = getattr(scope.get("route"), "path", "")
                if current.is_recording():
                    _finish(current, scope, method, route, answered[0])
                if self._observe is not None:
                    self._observe(method, route, answered[0], perf_counter() - began)


def _finish(current: Any, scope: MutableMapping[str, Any], method: str, route: str, status: int) -> None:
    current.update_name(f"{method} {route}".strip())
    found = {semconv.HTTP_METHOD: method, semconv.URL_SCHEME: scope.get("scheme"), semconv.HTTP_STATUS: status}
    set_attributes(current, **found, **{semconv.HTTP_ROUTE: route or None})
    if status >= 500:
        set_attributes(current, **{semconv.ERROR_TYPE: str(status)})
        current.set_status(Status(StatusCode.ERROR))


def remote_parent(headers: list[tuple[bytes, bytes]]) -> SpanContext | None:
    """The caller's span, from a `traceparent` that keeps to https://www.w3.org/TR/trace-context/; None otherwise."""
    for name, value in headers:
        if name == b"traceparent":
            return _parse(value)
    return None


def _parse(value: bytes) -> SpanContext | None:
    parts = value.split(b"-")
    if len(value) < 55 or [len(part) for part in parts[:4]] != [2, 32, 16, 2] or parts[0] == b"ff":
        return None
    if parts[0] == b"00" and len(parts) != 4:
        return None
    if value != value.lower() or b"_" in value:
        return None
    try:
        trace_id, span_id, flags = (int(part, 16) for part in parts[1:4])
    except ValueError:
        return None
    found = SpanContext(trace_id, span_id, is_remote=True, trace_flags=TraceFlags(flags & 1))
    return found if found.is_valid else None
