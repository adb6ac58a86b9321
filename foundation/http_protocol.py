"""Uvicorn's HTTP/1.1 protocol, with each answer in one piece.

Uvicorn writes the head of an answer when `http.response.start` is sent, and the body in a write of its own: two system
calls, and a client that is woken for a head without a body. ASGI asks for the opposite: a server should hold the head
back until there is a body or nothing more comes (https://asgi.readthedocs.io/en/latest/specs/www.html, "Response
Start"). Here the head of an answer that comes whole is written with it; any other answer goes uvicorn's way.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle

_Headers = Sequence[tuple[bytes, bytes]]
_NAME = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_NOT_IN_VALUES = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]")
_WITHOUT_BODY = {204, 304}


class OneWriteProtocol(HttpToolsProtocol):
    """For `uvicorn.Config(http=…)`."""

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        if not cycle.access_log:  # whose lines uvicorn writes
            cycle.send = _Send(cycle)  # type: ignore[method-assign]  # what the application is given
        super()._start_asgi_task(cycle, app)


class _Send:
    """`send` of one request."""

    __slots__ = ("_cycle", "_start")

    def __init__(self, cycle: RequestResponseCycle) -> None:
        self._cycle = cycle
        self._start: Any = None

    async def __call__(self, message: Any) -> None:
        cycle = self._cycle
        if message["type"] == "http.response.start" and not cycle.response_started:
            self._start = message
            return
        start, self._start = self._start, None
        if start is not None:
            if cycle.disconnected:
                return
            if (answer := _whole(cycle, start, message)) is not None:
                _finish(cycle, answer)
                return
            await RequestResponseCycle.send(cycle, start)
        await RequestResponseCycle.send(cycle, message)


def _whole(cycle: RequestResponseCycle, start: Any, message: Any) -> bytes | None:
    """The bytes of an answer of which nothing is missing; None for one that is not so simple."""
    if message["type"] != "http.response.body" or message.get("more_body") or cycle.flow.write_paused:
        return None
    status, body = start["status"], message.get("body", b"")
    if status in _WITHOUT_BODY or cycle.scope["method"] == "HEAD":
        return None
    parts = [STATUS_LINE[status], _defaults.lines(cycle.default_headers)]
    length, closes = False, False
    for name, value in start.get("headers", ()):
        lower = name.lower()
        if lower == b"content-length":
            if value != b"%d" % len(body):
                return None
            length = True
            parts.append(b"content-length: %b\r\n" % value)
            continue
        if lower == b"transfer-encoding":
            return None
        if lower == b"connection" and b"close" in value.lower():
            cycle.keep_alive = False
            closes = True
        parts.append(_line(lower, value))
    if not length:
        return None
    parts.append(b"\r\n" if cycle.keep_alive or closes else b"connection: close\r\n\r\n")
    parts.append(body)
    return b"".join(parts)


def _finish(cycle: RequestResponseCycle, answer: bytes) -> None:
    cycle.response_started = cycle.response_complete = True
    cycle.waiting_for_100_continue = False
    cycle.transport.write(answer)
    cycle.message_event.set()
    if not cycle.keep_alive:
        cycle.transport.close()
    cycle.on_response()


@lru_cache(maxsize=1024)
def _line(name: bytes, value: bytes) -> bytes:
    """Raises RuntimeError, as uvicorn does, for what would end the line or begin another."""
    if _NAME.fullmatch(name) is None:
        raise RuntimeError("Invalid HTTP header name.")
    if _NOT_IN_VALUES.search(value):
        raise RuntimeError("Invalid HTTP header value.")
    return b"%b: %b\r\n" % (name, value)


class _Defaults:
    """The lines of `date` and `server`, which uvicorn makes anew each second."""

    def __init__(self) -> None:
        self._of: tuple[_Headers, bytes] = ((), b"")

    def lines(self, headers: _Headers) -> bytes:
        of, lines = self._of
        if of is not headers:
            lines = b"".join(b"%b: %b\r\n" % header for header in headers)
            self._of = headers, lines
        return lines


_defaults = _Defaults()
