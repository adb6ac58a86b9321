"""A server that ends without dropping anybody: first it says that it is not ready, then it stops."""

from __future__ import annotations

import os
import signal
import socket
import time
from types import FrameType
from typing import Protocol

import uvicorn
from starlette.types import Receive, Scope, Send

from foundation.http_protocol import OneWriteProtocol
from foundation.telemetry.http import TraceRequests

GRACE_SECONDS = 5
"""How long open requests may take once the process no longer listens."""


class Drained(Protocol):
    """An ASGI application that can be told that its process is about to end."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None: ...

    def drain(self) -> None:
        """Say `not ready`, and let go of connections as they are answered."""
        ...


class DrainingServer(uvicorn.Server):
    """After the first SIGTERM `app` drains for `seconds` while it goes on serving; then it stops listening, and what is
    open gets GRACE_SECONDS. SIGINT, or a second SIGTERM, ends the draining at once. `supervisor`: the process that is
    our parent; when it is gone we end, for nobody would end us."""

    def __init__(self, app: Drained, *, host: str, port: int, seconds: float, supervisor: int | None = None) -> None:
        # log_config None: uvicorn's lines go through our chain, and are redacted as any other.
        super().__init__(
            uvicorn.Config(
                TraceRequests(app, beside=("/v1/predict/",)),
                host=host,
                port=port,
                log_config=None,
                access_log=False,
                http=OneWriteProtocol,
                timeout_graceful_shutdown=GRACE_SECONDS,
            )
        )
        self._app = app
        self._seconds = seconds
        self._until: float | None = None
        self._supervisor = supervisor

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        if sig == signal.SIGINT or self._until is not None or not self.started:
            self.should_exit = True
            return
        self._app.drain()
        self._until = time.monotonic() + self._seconds

    async def on_tick(self, counter: int) -> bool:
        if self._supervisor not in (None, os.getppid()):
            self._supervisor = None
            self.handle_exit(signal.SIGTERM, None)
        if self._until is not None and time.monotonic() >= self._until:
            self.should_exit = True
        return await super().on_tick(counter)

    def serve_on(self, listener: socket.socket | None) -> None:
        """Until it has ended; not at all without our supervisor. `listener`: a socket that listens already; without it
        the configured address."""
        if self._supervisor not in (None, os.getppid()):
            return
        self.run(sockets=None if listener is None else [listener])
