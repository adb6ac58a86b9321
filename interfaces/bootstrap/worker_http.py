"""The worker's own little HTTP endpoint: how it is doing, for Prometheus and for whoever restarts it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from foundation.errors import InvalidInput
from foundation.telemetry import metrics
from foundation.telemetry.logs import get_logger
from interfaces.http.services import ReadinessCheck

log = get_logger(__name__)
Ready = Callable[[], Sequence[ReadinessCheck]]


class _Handler(BaseHTTPRequestHandler):
    """`/metrics`, `/livez` and `/readyz`; reads nothing that a caller sends but the path."""

    timeout = 5

    def __init__(self, *connection: Any, ready: Ready) -> None:
        self._ready = ready
        super().__init__(*connection)

    def do_GET(self) -> None:
        if self.path.split("?", 1)[0] == "/metrics":
            self._answer(200, metrics.CONTENT_TYPE, metrics.render())
        elif self.path == "/livez":
            self._answer(200, "text/plain; charset=utf-8", b"ok\n")
        elif self.path == "/readyz":
            checks = self._ready()
            said = "".join(f"{'ok' if check.ok else 'not ready'}: {check.name}: {check.detail}\n" for check in checks)
            self._answer(200 if all(c.ok for c in checks) else 503, "text/plain; charset=utf-8", said.encode())
        else:
            self._answer(404, "text/plain; charset=utf-8", b"/metrics, /livez or /readyz\n")

    def log_message(self, format: str, *args: object) -> None:
        """Scrapes are not news."""

    def _answer(self, status: int, content_type: str, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@contextmanager
def serving_metrics(host: str, port: int | None, ready: Ready = list) -> Generator[str | None]:
    """While the block runs; its address, or None where no port is set. `ready` is what `/readyz` asks. Raises
    InvalidInput for an address that cannot be listened on."""
    if port is None:
        yield None
        return
    try:
        server = ThreadingHTTPServer((host, port), partial(_Handler, ready=ready))
    except OSError as error:
        hint = "another VIGIA__WORKER__METRICS_PORT, or none"
        raise InvalidInput(f"the worker cannot listen on {host}:{port}: {error.strerror}", hint=hint) from error
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, name="worker-metrics", daemon=True)
    thread.start()
    address = f"http://{host}:{server.server_address[1]}"
    log.info("metrics are served", address=address)
    try:
        yield address
    finally:
        server.shutdown()
        server.server_close()
        thread.join(timeout=5)
