"""What the audit log is told about approvals.

Digests instead of texts that models wrote; what a person wrote (a redacted reason) is sealed by the log for them alone.
"""

from __future__ import annotations

from audit.entry import AuditRecord
from guardrails.approvals.store import sha256_text
from guardrails.approvals.types import ApprovalRequest, Channel, Decision
from guardrails.proposal import ActionProposal
from platform_core.access.principals import Principal


def requested(
    request: ApprovalRequest, policy_digest: str, *, channel: Channel | None = None, revises: str | None = None
) -> AuditRecord:
    """`channel`: where a person asked; `revises`: the request in whose place it comes."""
    proposal = request.proposal
    special = {"channel": channel, "revises": revises}
    return _record(
        "approval.requested",
        proposal.requested_by,
        request,
        {
            **_what(proposal),
            "arguments": proposal.arguments,
            "document_sha256": sha256_text(proposal.model_dump_json()),
            "rule": request.rule,
            "approvers_needed": request.approvers_needed,
            "expires_at": request.expires_at.isoformat(),
            "policy_sha256": policy_digest,
            **{name: value for name, value in special.items() if value is not None},
        },
    )


def decided(
    request: ApprovalRequest, decision: Decision, *, glass: str | None = None, batch: str | None = None
) -> AuditRecord:
    """`glass`: the broken glass it took; `batch`: digest of the batch it was decided with."""
    special = {"on_behalf_of": decision.on_behalf_of, "break_glass": glass, "batch": batch}
    return _record(
        "approval.granted" if decision.verdict == "approve" else "approval.rejected",
        decision.principal_id,
        request,
        {
            **_what(request.proposal),
            "channel": decision.channel,
            "approvers_needed": request.approvers_needed,
            "reason": decision.reason,
            **{name: value for name, value in special.items() if value is not None},
        },
    )


def closed(action: str, request: ApprovalRequest, actor: str, reason: str) -> AuditRecord:
    return _record(action, actor, request, {**_what(request.proposal), "reason": reason})


def refused(request: ApprovalRequest, principal: Principal, verdict: str, channel: Channel, why: str) -> AuditRecord:
    """Somebody tried to decide who may not."""
    payload: dict[str, object] = {"verdict": verdict, "channel": channel, "why": why}
    return _record("approval.refused", principal.id, request, payload)


def not_proposed(
    proposal: ActionProposal, channel: Channel | None, why: str, *, revises: str | None = None
) -> AuditRecord:
    """A person tried to propose, or to edit, what they may not."""
    return AuditRecord(
        action="approval.refused",
        actor=proposal.requested_by,
        subject=revises or proposal.id,
        tenant=proposal.tenant,
        incident_id=proposal.incident_id,
        payload={
            "verdict": "edit" if revises else "propose",
            "channel": channel or "unknown",
            "why": why,
            **_what(proposal),
        },
    )


def _what(proposal: ActionProposal) -> dict[str, object]:
    return {"proposal_id": proposal.id, "tool": proposal.tool, "digest": proposal.digest}


def _record(action: str, actor: str, request: ApprovalRequest, payload: dict[str, object]) -> AuditRecord:
    return AuditRecord(
        action=action,
        actor=actor,
        subject=request.id,
        tenant=request.proposal.tenant,
        incident_id=request.proposal.incident_id,
        payload=payload,
    )
