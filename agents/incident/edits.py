"""What a person's edit means for the flow that waits: the newer request is waited for in the older one's place."""

from __future__ import annotations

from agents.incident.ports import ApprovalDesk
from agents.incident.state import Change, FlowState
from agents.incident.store import IncidentStore
from guardrails.approvals.types import ApprovalRequest


def newest_edit(approvals: ApprovalDesk, request: ApprovalRequest) -> ApprovalRequest:
    """The request that came of all edits of this one."""
    while request.superseded_by is not None:
        request = approvals.get(request.superseded_by)
    return request


def follow_edit(state: FlowState, older: ApprovalRequest, store: IncidentStore, approvals: ApprovalDesk) -> Change:
    """Whatever this is interrupted in, doing it again comes to the same."""
    newer = newest_edit(approvals, older)
    while older.id != newer.id:
        following = approvals.get(older.superseded_by or newer.id)
        store.edit_proposal(older.proposal, following.proposal)
        older = following
    proposal = newer.proposal
    store.transition(
        state["incident_id"],
        "awaiting_approval",
        key=f"awaiting:{proposal.id}",
        text=f"asked for approval of what {proposal.requested_by} edited: {proposal.tool}: {proposal.plan.summary}",
    )
    return {"approval_id": newer.id, "edited": True}
