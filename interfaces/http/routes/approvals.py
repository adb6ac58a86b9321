"""Approvals: what waits, and the decision."""

from __future__ import annotations

from typing import Literal

from fastapi import APIRouter
from pydantic import Field

from foundation.frozen import Frozen
from foundation.reasons import LONGEST_REASON
from guardrails.approvals.batches import MOST
from guardrails.approvals.types import ApprovalRequest, Batch, BatchOutcome
from interfaces.http.access import Caller
from interfaces.http.errors import answers
from interfaces.http.services import CopilotServices, visible_approval


class Verdict(Frozen):
    """A rejection needs its reason."""

    verdict: Literal["approve", "reject"]
    reason: str | None = Field(default=None, max_length=LONGEST_REASON)


class BatchVerdict(Verdict):
    """`request_ids` and `digest` as they were answered for the batch that was looked at."""

    request_ids: tuple[str, ...] = Field(min_length=1, max_length=MOST)
    digest: str = Field(max_length=64)


def approval_routes(services: CopilotServices) -> APIRouter:
    router = APIRouter(prefix="/v1/approvals", tags=["approvals"])

    @router.get("", responses=answers(401))
    def pending(who: Caller) -> list[ApprovalRequest]:
        """What waits for a decision in the caller's tenants."""
        return [request for request in services.approvals.pending() if services.approvals.may_see(who, request)]

    @router.get("/{request_id}", responses=answers(401, 404))
    def one(request_id: str, who: Caller) -> ApprovalRequest:
        return visible_approval(services, who, request_id)

    @router.get("/{request_id}/like", responses=answers(401, 404, 409))
    def like(request_id: str, who: Caller) -> Batch:
        """Those that wait, are like this one and may be decided with it at one look."""
        visible_approval(services, who, request_id)
        return services.approvals.like(request_id, lambda request: services.approvals.may_see(who, request))

    @router.post("/decide-batch", responses=answers(401, 404, 409, 422, 503))
    def decide_batch(content: BatchVerdict, who: Caller) -> list[BatchOutcome]:
        """Approve or reject requests that are alike, each by itself; the answer says what became of each."""
        for request_id in content.request_ids:
            visible_approval(services, who, request_id)
        return services.approvals.decide_batch(
            content.request_ids,
            content.digest,
            who,
            content.verdict,
            reason=services.outside.optional(content.reason),
            channel="http",
        )

    @router.post("/{request_id}/decide", responses=answers(401, 403, 404, 409, 422, 503))
    def decide(request_id: str, content: Verdict, who: Caller) -> ApprovalRequest:
        """Approve or reject exactly the stored proposal. The first decision counts; a second answers 409."""
        visible_approval(services, who, request_id)
        reason = services.outside.optional(content.reason)
        return services.approvals.decide(request_id, who, content.verdict, reason=reason, channel="http")

    return router
