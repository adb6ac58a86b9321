"""Approvals: what waits, and the decision."""

from __future__ import annotations

from typing import Literal

from fastapi import APIRouter
from pydantic import Field

from foundation.frozen import Frozen
from guardrails.approvals.types import ApprovalRequest
from interfaces.http.access import Caller
from interfaces.http.errors import answers
from interfaces.http.services import CopilotServices, visible_approval


class Verdict(Frozen):
    verdict: Literal["approve", "reject"]
    reason: str | None = Field(default=None, max_length=2000)


def approval_routes(services: CopilotServices) -> APIRouter:
    router = APIRouter(prefix="/v1/approvals", tags=["approvals"])

    @router.get("", responses=answers(401))
    def pending(who: Caller) -> list[ApprovalRequest]:
        """What waits for a decision in the caller's tenants."""
        return [request for request in services.approvals.pending() if services.approvals.may_see(who, request)]

    @router.get("/{request_id}", responses=answers(401, 404))
    def one(request_id: str, who: Caller) -> ApprovalRequest:
        return visible_approval(services, who, request_id)

    @router.post("/{request_id}/decide", responses=answers(401, 403, 404, 409, 422, 503))
    def decide(request_id: str, content: Verdict, who: Caller) -> ApprovalRequest:
        """Approve or reject exactly the stored proposal. The first decision counts; a second answers 409."""
        visible_approval(services, who, request_id)
        reason = services.outside.optional(content.reason)
        return services.approvals.decide(request_id, who, content.verdict, reason=reason, channel="http")

    return router
