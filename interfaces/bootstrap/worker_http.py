"""The worker's own little HTTP endpoint: how it is doing, for Prometheus and for whoever restarts it."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager

from foundation.telemetry import metrics
from interfaces.bootstrap.plain_http import TEXT, Route, serving_routes

_ROUTES: dict[str, Route] = {
    "/metrics": lambda: (200, metrics.CONTENT_TYPE, metrics.render()),
    "/livez": lambda: (200, TEXT, b"ok\n"),
}


@contextmanager
def serving_metrics(host: str, port: int | None) -> Generator[str | None]:
    """While the block runs; its address, or None where no port is set. Raises InvalidInput for an address that cannot
    be listened on."""
    if port is None:
        yield None
        return
    hint = "another VIGIA__WORKER__METRICS_PORT, or none"
    with serving_routes(host, port, _ROUTES, who="the worker", hint=hint) as address:
        yield address
