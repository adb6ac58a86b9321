"""The worker's own little HTTP endpoint: how it is doing, for Prometheus and for whoever restarts it."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager

from foundation.telemetry import metrics
from interfaces.bootstrap.plain_http import TEXT, serving_routes
from interfaces.http.services import ReadinessCheck

Ready = Callable[[], Sequence[ReadinessCheck]]


@contextmanager
def serving_metrics(host: str, port: int | None, ready: Ready = list) -> Generator[str | None]:
    """While the block runs; its address, or None where no port is set. `ready` is what `/readyz` asks. Raises
    InvalidInput for an address that cannot be listened on."""
    if port is None:
        yield None
        return

    def readyz() -> tuple[int, str, bytes]:
        checks = ready()
        said = "".join(f"{'ok' if check.ok else 'not ready'}: {check.name}: {check.detail}\n" for check in checks)
        return 200 if all(check.ok for check in checks) else 503, TEXT, said.encode()

    routes = {
        "/metrics": lambda: (200, metrics.CONTENT_TYPE, metrics.render()),
        "/livez": lambda: (200, TEXT, b"ok\n"),
        "/readyz": readyz,
    }
    hint = "another VIGIA__WORKER__METRICS_PORT, or none"
    with serving_routes(host, port, routes, who="the worker", hint=hint) as address:
        yield address
