"""The simulation's own process: a small HTTP server that tells how far the boot is, shows metrics and takes faults.

GET  /livez
GET  /metrics
GET  /simulation/v1/status            {"state": "booting" | "live" | "failed", "step", "detail", "ticks", "fault", …}
POST /simulation/v1/faults/{name}     bearer token
"""

from __future__ import annotations

import hmac
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any

import uvicorn
from fastapi import FastAPI, Header, Response

from foundation.errors import Conflict, Unauthenticated
from foundation.http_errors import install_error_handlers
from foundation.outside_text import Redact, unredacted
from platform_core.monitoring.exposition import CONTENT_TYPE
from platform_core.simulation.boot import Progress
from platform_core.simulation.runtime import Simulation


@dataclass
class SimulationState:
    """What the server knows of the simulation, from the first second on."""

    step: str = "starting"
    detail: str = ""
    simulation: Simulation | None = None
    error: str | None = None

    def progress(self, step: str, detail: str) -> None:
        self.step, self.detail = step, detail

    def report(self) -> dict[str, Any]:
        simulation = self.simulation
        state = "failed" if self.error else "booting" if simulation is None else "live"
        answer: dict[str, Any] = {
            "state": state,
            "step": self.step,
            "detail": self.error or self.detail,
            "ticks": 0,
            "fault": None,
        }
        if simulation is not None:
            answer |= {
                "ticks": simulation.ticks,
                "fault": simulation.fault,
                "alerts": [alert.subject for alert in simulation.runner.alerts],
                "scored": simulation.checkout.answered,
                "failed": simulation.checkout.failed,
            }
        return answer


def create_simulation_app(state: SimulationState, token: str, redact: Redact = unredacted) -> FastAPI:
    app = FastAPI(title="Vigía simulation")
    install_error_handlers(app, redact)

    @app.get("/livez")
    def livez() -> dict[str, str]:
        return {"status": "ok"}

    @app.get("/metrics")
    def metrics() -> Response:
        body = b"" if state.simulation is None else state.simulation.gauges.render()
        return Response(body, media_type=CONTENT_TYPE)

    @app.get("/simulation/v1/status")
    def status() -> dict[str, Any]:
        return state.report()

    @app.post("/simulation/v1/faults/{name}")
    def inject(name: str, authorization: Annotated[str, Header()] = "") -> dict[str, Any]:
        if not hmac.compare_digest(authorization.encode(), f"Bearer {token}".encode()):
            raise Unauthenticated("wrong or missing bearer token", hint="send Authorization: Bearer <token>")
        if state.simulation is None:
            raise Conflict(f"the platform is still booting ({state.step})", hint="wait until the status says live")
        state.simulation.inject(name)
        return {"fault": name, "injected_at": state.simulation.parts.clock.now().isoformat()}

    return app


def serve_simulation(
    start: Callable[[Progress], Simulation],
    *,
    host: str,
    port: int,
    token: str,
    stop: threading.Event,
    progress: Progress = lambda step, detail: None,
    redact: Redact = unredacted,
) -> None:
    """Answer on host:port from the first moment, boot by `start`, then run until `stop` is set.

    What `start` raises is shown in the status, and raised again once the server is down.
    """
    state = SimulationState()

    def tell(step: str, detail: str) -> None:
        state.progress(step, detail)
        progress(step, detail)

    config = uvicorn.Config(create_simulation_app(state, token, redact), host=host, port=port, log_level="warning")
    server = uvicorn.Server(config)
    server.install_signal_handlers = lambda: None  # type: ignore[attr-defined]  # the caller owns the signals
    thread = threading.Thread(target=server.run, name="simulation-http", daemon=True)
    thread.start()
    try:
        simulation = start(tell)
        state.simulation = simulation
        simulation.run(stop)
    except BaseException as error:
        state.error = str(error) or type(error).__name__
        raise
    finally:
        server.should_exit = True
        thread.join(timeout=5)
