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
from foundation.telemetry.otlp import make_resource, quiet
from foundation.telemetry.semconv import ENVIRONMENT
from foundation.telemetry.traces import configure_traces
from interfaces.bootstrap.redaction import redactor
from interfaces.settings import Settings


def start_telemetry(settings: Settings, service: str) -> None:
    """Logs, traces and metrics: logs and traces redacted, and all of them sent to a collector where there is one."""
    telemetry = settings.telemetry
    redact = redactor(settings).redact
    endpoint = str(telemetry.otlp_endpoint) if telemetry.otlp_endpoint else None
    resource = make_resource(service, {ENVIRONMENT: settings.environment, **telemetry.resource_attributes})
    headers = {name: value.get_secret_value() for name, value in telemetry.otlp_headers.items()}
    sent = telemetry.otlp_signals if endpoint else frozenset[str]()
    lines = None
    if endpoint and "logs" in sent:
        from foundation.telemetry.log_export import LogExport

        lines = LogExport(endpoint, resource, headers)
        atexit.register(lines.close)
    configure_logs(format=telemetry.log_format, level=telemetry.log_level, redact=redact, export=lines)
    # A line for every request made is noise and costs more than the request: traces tell of them.
    for chatty in ("httpx", "httpcore"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
    if sent:
        quiet()
    if endpoint and "metrics" in sent:
        from foundation.telemetry.metric_export import MetricExport
        from foundation.telemetry.metrics import registries

        seconds = telemetry.otlp_metric_seconds
        atexit.register(MetricExport(endpoint, resource, registries, seconds=seconds, headers=headers).close)
    traces = configure_traces(
        service,
        endpoint if "traces" in sent else None,
        redact=redact,
        sample=telemetry.trace_sample,
        resource=resource,
        headers=headers,
    )
    # What was not sent yet is sent before the process ends, however it ends in good order.
    atexit.register(traces.shutdown)


def run_http(app: FastAPI, *, host: str, port: int) -> None:
    """Serves until SIGTERM or SIGINT; open requests get five seconds to end."""
    import uvicorn

    from foundation.http_protocol import OneWriteProtocol
    from foundation.telemetry.http import TraceRequests

    # log_config None: uvicorn's lines go through our chain, and are redacted as any other.
    uvicorn.run(
        TraceRequests(app),
        host=host,
        port=port,
        log_config=None,
        access_log=False,
        http=OneWriteProtocol,
        timeout_graceful_shutdown=5,
    )


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
