"""What every long-running process does: telemetry at its start, an orderly end on SIGTERM and SIGINT."""

from __future__ import annotations

import atexit
import logging
import signal
import threading
from collections.abc import Generator
from contextlib import contextmanager
from types import FrameType

from fastapi import FastAPI

from foundation.telemetry.logs import configure_logs
from foundation.telemetry.traces import configure_traces
from interfaces.bootstrap.redaction import redactor
from interfaces.settings import Settings


def start_telemetry(settings: Settings, service: str) -> None:
    """Logs and traces, both redacted."""
    telemetry = settings.telemetry
    redact = redactor(settings).redact
    configure_logs(format=telemetry.log_format, level=telemetry.log_level, redact=redact)
    # A line for every request made is noise and costs more than the request: traces tell of them.
    for chatty in ("httpx", "httpcore"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
    endpoint = str(telemetry.otlp_endpoint) if telemetry.otlp_endpoint else None
    # What was not sent yet is sent before the process ends, however it ends in good order.
    atexit.register(configure_traces(service, endpoint, redact=redact).shutdown)


def run_http(app: FastAPI, *, host: str, port: int) -> None:
    """Serves until SIGTERM or SIGINT; open requests get five seconds to end."""
    import uvicorn

    # log_config None: uvicorn's lines go through our chain, and are redacted as any other.
    uvicorn.run(app, host=host, port=port, log_config=None, access_log=False, timeout_graceful_shutdown=5)


@contextmanager
def until_stopped() -> Generator[threading.Event]:
    """An event that SIGTERM and SIGINT set; handlers are put back afterwards."""
    stop = threading.Event()

    def on_signal(_number: int, _frame: FrameType | None) -> None:
        # In another thread: the handler runs in the main thread, which may be inside `stop.wait` holding its lock.
        threading.Thread(target=stop.set, name="stop").start()

    before = {number: signal.signal(number, on_signal) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
