"""Several serving processes on one port, and the one that watches over them.

The supervisor opens the port and serves nothing itself: each worker is a process of its own that accepts from the same
socket. One that ends unasked is started again, at once the first time and ever more slowly while it keeps failing. What
waited to be accepted is taken by the others; only the connections that a killed worker had taken are reset.
"""

from __future__ import annotations

import logging
import os
import shutil
import socket
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path

from prometheus_client import CollectorRegistry, Counter, Gauge

from foundation.errors import Unavailable
from interfaces.bootstrap.draining import GRACE_SECONDS
from platform_core.serving.worker_metrics import SharedMetrics

_BACKLOG = 2048
_STEADY_SECONDS = 5.0
"""A worker that lived so long was well: if it ends, the next one starts at once."""

_SLOWEST_SECONDS = 10.0
_POLL_SECONDS = 0.05
_logger = logging.getLogger(__name__)


@dataclass
class _Worker:
    number: int
    process: subprocess.Popen[bytes]
    started: float
    failures: int = 0


class Supervisor:
    """`run` until `stop` is set; then every worker gets SIGTERM and the time to drain."""

    def __init__(self, *, host: str, port: int, workers: int, metrics: Path, drain_seconds: float) -> None:
        self._host, self._port = host, port
        self._count = workers
        self._metrics = metrics
        self._drain = drain_seconds
        self._workers: list[_Worker] = []
        self._due: list[tuple[float, int, int]] = []
        self._registry = CollectorRegistry()
        self._restarts = Counter(
            "vigia_serving_worker_restarts", "Workers that ended unasked and were replaced.", registry=self._registry
        )
        alive = Gauge("vigia_serving_workers", "Workers that run.", registry=self._registry)
        alive.set_function(lambda: len(self._workers))

    def run(self, stop: threading.Event) -> None:
        """Raises Unavailable when the port is taken."""
        shutil.rmtree(self._metrics, ignore_errors=True)
        shared = SharedMetrics(self._metrics)
        with _listener(self._host, self._port) as listener:
            shared.start([self._registry])
            try:
                for number in range(self._count):
                    self._start(listener, number, failures=0)
                while not stop.wait(_POLL_SECONDS):
                    self._look(listener)
            finally:
                self._end()
                shared.stop()

    def _start(self, listener: socket.socket, number: int, *, failures: int) -> None:
        handle = listener.fileno()
        command = [sys.executable, "-m", "interfaces.cli", "platform", "serve"]
        command += ["--listener", str(handle), "--metrics", str(self._metrics)]
        command += ["--supervisor", str(os.getpid())]  # by the time it could look itself, we may be gone
        process = subprocess.Popen(command, pass_fds=[handle], stdin=subprocess.DEVNULL)  # noqa: S603  our own command
        _logger.info("serving worker %d is process %d", number, process.pid)
        self._workers.append(_Worker(number, process, time.monotonic(), failures))

    def _look(self, listener: socket.socket) -> None:
        now = time.monotonic()
        for worker in list(self._workers):
            code = worker.process.poll()
            if code is None:
                continue
            self._workers.remove(worker)
            self._restarts.inc()
            failures = 0 if now - worker.started > _STEADY_SECONDS else worker.failures + 1
            wait = 0.0 if failures == 0 else min(0.1 * 2**failures, _SLOWEST_SECONDS)
            _logger.error(
                "serving worker %d (process %d) ended with code %d; the next one starts in %.1f s",
                *(worker.number, worker.process.pid, code, wait),
            )
            self._due.append((now + wait, worker.number, failures))
        for due in [each for each in self._due if each[0] <= now]:
            self._due.remove(due)
            self._start(listener, due[1], failures=due[2])

    def _end(self) -> None:
        for worker in self._workers:
            worker.process.terminate()
        deadline = time.monotonic() + self._drain + GRACE_SECONDS + 5
        for worker in self._workers:
            try:
                worker.process.wait(timeout=max(deadline - time.monotonic(), 0.1))
            except subprocess.TimeoutExpired:
                _logger.warning("serving worker %d did not end and is killed", worker.number)
                worker.process.kill()
                worker.process.wait()


def _listener(host: str, port: int) -> socket.socket:
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listener = socket.socket(family, kind, protocol)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(_BACKLOG)
    except OSError as error:
        raise Unavailable(f"port {port} of {host} cannot be listened on: {error}", hint="is it taken?") from error
    listener.setblocking(False)
    return listener
