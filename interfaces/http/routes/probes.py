"""`/livez`, `/readyz`, `/metrics`."""

from __future__ import annotations

from fastapi import APIRouter, Response

from foundation.frozen import Frozen
from foundation.telemetry import metrics
from interfaces.http.services import CopilotServices, ReadinessCheck


class Liveness(Frozen):
    status: str = "alive"


class Readiness(Frozen):
    ready: bool
    degraded: bool
    """Ready, but something that is not needed does not answer, e.g. Slack."""

    checks: tuple[ReadinessCheck, ...]


def probe_routes(services: CopilotServices) -> APIRouter:
    router = APIRouter(tags=["probes"])

    @router.get("/livez")
    def livez() -> Liveness:
        """The process answers."""
        return Liveness()

    @router.get("/readyz", responses={503: {"model": Readiness, "description": "Something it needs is missing"}})
    def readyz(response: Response) -> Readiness:
        """Everything it needs answers: database, audit log, data directory. Slack may be away: then it is degraded."""
        checks = tuple(services.readiness())
        ready = all(check.ok for check in checks if check.needed)
        response.status_code = 200 if ready else 503
        return Readiness(ready=ready, degraded=ready and not all(check.ok for check in checks), checks=checks)

    @router.get("/metrics", response_class=Response)
    def exposition() -> Response:
        """Prometheus' text format."""
        return Response(metrics.render(), media_type=metrics.CONTENT_TYPE)

    return router
