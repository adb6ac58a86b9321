"""Alerts in: `POST /v1/webhooks/{format}`."""

from __future__ import annotations

from fastapi import APIRouter, Request
from fastapi.concurrency import run_in_threadpool

from foundation.errors import VigiaError
from foundation.frozen import Frozen
from foundation.telemetry import metrics
from foundation.telemetry.logs import get_logger
from interfaces.http.errors import answers
from interfaces.http.services import CopilotServices

log = get_logger(__name__)


class Accepted(Frozen):
    """The alerts are stored and will be investigated. A repeat of a known alert is a duplicate, not an error."""

    accepted: int
    duplicates: int
    resolved: int


def webhook_routes(services: CopilotServices) -> APIRouter:
    router = APIRouter(tags=["alerts"])

    @router.post("/v1/webhooks/{format}", status_code=202, responses=answers(401, 403, 404, 413, 422, 503))
    async def receive(format: str, request: Request) -> Accepted:
        """Alertmanager (`alertmanager`, version 4), PagerDuty V3 (`pagerduty`) or CloudEvents 1.0 (`cloudevents`).

        Answers 202 after the alerts are durably stored, all of the payload or nothing.
        """
        body = await request.body()
        headers = dict(request.headers)
        try:
            receipt = await run_in_threadpool(services.intake.receive, format, headers, body)
        except VigiaError as error:
            metrics.alerts_refused.labels(code=error.code).inc()
            log.warning("webhook refused", format=format, code=error.code, reason=error.message)
            raise
        return Accepted(accepted=receipt.accepted, duplicates=receipt.duplicates, resolved=receipt.resolved)

    return router
