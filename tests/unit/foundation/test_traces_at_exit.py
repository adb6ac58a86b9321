"""A process that ends sends the spans it has not sent yet."""

from __future__ import annotations

import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

ROOT = Path(__file__).parents[3]
PROGRAM = """
from pathlib import Path
from foundation.telemetry.traces import span
from interfaces.bootstrap.process import start_telemetry
from interfaces.settings import Settings
start_telemetry(Settings(data_dir=Path({directory!r}), telemetry={{"otlp_endpoint": {endpoint!r}}}), "vigia-test")
with span("last words"):
    pass
"""


def test_spans_are_sent_before_the_process_ends(tmp_path: Path) -> None:
    received: list[bytes] = []

    class Collector(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            received.append(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(200)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Collector) as collector:
        thread = threading.Thread(target=collector.serve_forever, daemon=True)
        thread.start()
        program = PROGRAM.format(directory=str(tmp_path), endpoint=f"http://127.0.0.1:{collector.server_address[1]}")
        subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=True, timeout=60)
        collector.shutdown()
        thread.join()
    assert any(b"last words" in body for body in received)
