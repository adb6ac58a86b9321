"""The little HTTP endpoint of a process that serves nobody else: how it is doing, for Prometheus and supervisors."""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from foundation.errors import InvalidInput
from foundation.telemetry.logs import get_logger

log = get_logger(__name__)

TEXT = "text/plain; charset=utf-8"
Route = Callable[[], tuple[int, str, bytes]]
"""(status, content type, body)"""


@contextmanager
def serving_routes(host: str, port: int, routes: Mapping[str, Route], *, who: str, hint: str) -> Generator[str]:
    """GET on `routes` by path while the block runs; its address. Raises InvalidInput, with `hint`, for an address that
    cannot be listened on."""

    class Handler(BaseHTTPRequestHandler):
        """Reads nothing that a caller sends but the path."""

        timeout = 5

        def do_GET(self) -> None:
            route = routes.get(self.path.split("?", 1)[0])
            status, content_type, body = route() if route else (404, TEXT, f"{' or '.join(routes)}\n".encode())
            self.send_response(status)
            self.send_header("Content-Type", content_type)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Scrapes are not news."""

    try:
        server = ThreadingHTTPServer((host, port), Handler)
    except OSError as error:
        raise InvalidInput(f"{who} cannot listen on {host}:{port}: {error.strerror}", hint=hint) from error
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, name="plain-http", daemon=True)
    thread.start()
    address = f"http://{host}:{server.server_address[1]}"
    log.info("metrics are served", address=address)
    try:
        yield address
    finally:
        server.shutdown()
        server.server_close()
        thread.join(timeout=5)
