"""A client that costs less than the servers it measures: prepared bytes out, one Content-Length in, nothing parsed."""

from __future__ import annotations

import selectors
import socket
import time
from collections.abc import Sequence
from itertools import cycle

TURN = 25
"""Requests to one side before the next one has its turn."""

_AT_ONCE = 16_384
"""Bytes: for more the allocator asks the system, which takes longer than the answer."""

_END = b"\r\n\r\n"


def request_bytes(path: str, body: bytes, headers: dict[str, str] | None = None) -> bytes:
    lines = [f"POST {path} HTTP/1.1", "Host: 127.0.0.1", f"Content-Length: {len(body)}"]
    lines += [f"{name}: {value}" for name, value in ({"Content-Type": "application/json"} | (headers or {})).items()]
    return "\r\n".join(lines).encode() + _END + body


class Line:
    """One kept connection."""

    def __init__(self, port: int, *, blocking: bool = True) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=30)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.setblocking(blocking)
        self._got = b""

    def ask(self, request: bytes) -> bytes:
        """The body of the answer. Raises RuntimeError for one that is not 200."""
        self.socket.sendall(request)
        while (body := self.take(self.socket.recv(_AT_ONCE))) is None:
            pass
        return body

    def take(self, data: bytes) -> bytes | None:
        """The body once it is whole."""
        if not data:
            raise RuntimeError("the server closed the connection")
        self._got += data
        head, end, rest = self._got.partition(_END)
        if not end:
            return None
        lower = head.lower()
        at = lower.find(b"content-length:")
        if at >= 0:
            length = int(lower[at + 15 :].split(b"\r\n", 1)[0])
            if len(rest) < length:
                return None
        elif not rest.endswith(b"0\r\n\r\n"):  # chunked
            return None
        self._got = b""
        if b" 200 " not in head[:16]:
            raise RuntimeError(f"the server answered {head[:60]!r}: {rest[:300]!r}")
        return rest


def latencies(sides: Sequence[tuple[Line, Sequence[bytes]]], requests: int, warm_up: int) -> list[list[float]]:
    """Seconds per request of each side, asked in turns of `TURN` requests."""
    taken: list[list[float]] = [[] for _ in sides]
    for first in range(0, warm_up + requests, TURN):
        for (line, bodies), seconds in zip(sides, taken, strict=True):
            for number in range(first, first + TURN):
                started = time.perf_counter()
                line.ask(bodies[number % len(bodies)])
                if number >= warm_up:
                    seconds.append(time.perf_counter() - started)
    return taken


def throughput(port: int, requests: Sequence[bytes], *, connections: int, seconds: float) -> float:
    """Answers a second over `connections`, each with one request on its way."""
    selector = selectors.DefaultSelector()
    bodies = cycle(requests)
    lines = [Line(port, blocking=False) for _ in range(connections)]
    for line in lines:
        selector.register(line.socket, selectors.EVENT_READ, line)
        line.socket.send(next(bodies))
    answered, started = 0, time.perf_counter()
    until = started + seconds
    while (now := time.perf_counter()) < until:
        for key, _ in selector.select(until - now):
            line: Line = key.data
            if line.take(line.socket.recv(_AT_ONCE)) is not None:
                answered += 1
                line.socket.send(next(bodies))
    spent = time.perf_counter() - started
    for line in lines:
        line.socket.close()
    return answered / spent
