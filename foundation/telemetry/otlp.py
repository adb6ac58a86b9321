"""Telemetry on its way out: OTLP over HTTP with protobuf, to any collector or backend.

    POST {endpoint}/v1/traces   ExportTraceServiceRequest
    POST {endpoint}/v1/logs     ExportLogsServiceRequest
    POST {endpoint}/v1/metrics  ExportMetricsServiceRequest

Source: https://opentelemetry.io/docs/specs/otlp/#otlphttp
"""

from __future__ import annotations

import logging
import os
import socket
import uuid
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from opentelemetry.sdk.resources import Resource

Signal = Literal["traces", "logs", "metrics"]
TIMEOUT = 3.0
"""Seconds of the wall for one request, its retries included."""

_NOISY = ("opentelemetry", "urllib3", "requests")


def address(endpoint: str, signal: Signal) -> str:
    """`endpoint` is the collector's base (`http://collector:4318`), or already the address of a signal."""
    base = endpoint.rstrip("/")
    for other in ("traces", "logs", "metrics"):
        base = base.removesuffix(f"/v1/{other}")
    return f"{base}/v1/{signal}"


def make_resource(service: str, attributes: Mapping[str, str] | None = None) -> Resource:
    """Who is telling. `attributes` add to it and win, `deployment.environment.name` for instance; so does what the
    variable OTEL_RESOURCE_ATTRIBUTES says, as everywhere in OpenTelemetry."""
    from opentelemetry.sdk.resources import Resource

    own = {
        "service.name": service,
        "service.namespace": "vigia",
        "service.version": _version(),
        "service.instance.id": str(uuid.uuid4()),
        "host.name": socket.gethostname(),
        "process.pid": os.getpid(),
    }
    return Resource.create({**own, **(attributes or {})})


def lost(signal: Signal, count: int) -> None:
    """Count what did not arrive."""
    from foundation.telemetry.metrics import telemetry_lost

    telemetry_lost.labels(signal).inc(count)


def quiet() -> None:
    """That a collector is down is a counter and not a line for every batch."""
    for name in _NOISY:
        logging.getLogger(name).setLevel(logging.CRITICAL)


def _version() -> str:
    try:
        return version("vigia")
    except PackageNotFoundError:
        return "0"
