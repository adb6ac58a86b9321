"""What people propose and edit: planned, judged and asked as what the agent proposes."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Response
from pydantic import Field

from agents.incident.proposing import Proposed
from foundation.frozen import Frozen
from foundation.reasons import LONGEST_REASON
from interfaces.http.access import Caller
from interfaces.http.errors import answers
from interfaces.http.services import ActionDescription, CopilotServices


class Revision(Frozen):
    """`arguments`: those that change; null takes one away. `digest`: that of a dry run, so that exactly what was shown
    is asked for."""

    arguments: dict[str, Any]
    reason: str = Field(min_length=1, max_length=LONGEST_REASON)
    digest: str | None = Field(default=None, max_length=64)
    dry_run: bool = False


class NewProposal(Revision):
    """`arguments`: all of them."""

    incident: str = Field(max_length=100)
    tool: str = Field(max_length=80)


def proposal_routes(services: CopilotServices) -> APIRouter:
    router = APIRouter(prefix="/v1", tags=["proposals"])

    @router.get("/actions", responses=answers(401))
    def actions(who: Caller) -> list[ActionDescription]:
        """What can be proposed, and with which arguments."""
        return services.actions()

    @router.post("/proposals", status_code=201, responses=answers(401, 403, 404, 409, 422, 503))
    def propose(content: NewProposal, who: Caller, answer: Response) -> Proposed:
        """Propose an action for an incident; somebody else decides. With `dry_run` only the diff, and 200."""
        answer.status_code = 200 if content.dry_run else 201
        return services.proposals().propose(
            content.incident,
            who,
            content.tool,
            content.arguments,
            reason=content.reason,
            channel="http",
            shown=content.digest,
            dry_run=content.dry_run,
        )

    @router.post("/approvals/{request_id}/revise", status_code=201, responses=answers(401, 403, 404, 409, 422, 503))
    def revise(request_id: str, content: Revision, who: Caller, answer: Response) -> Proposed:
        """Edit what waits or was approved: a new request takes its place, which somebody else decides."""
        answer.status_code = 200 if content.dry_run else 201
        return services.proposals().revise(
            request_id,
            who,
            content.arguments,
            reason=content.reason,
            channel="http",
            shown=content.digest,
            dry_run=content.dry_run,
        )

    return router
