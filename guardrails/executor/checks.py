"""What is checked again at the last moment before an effect."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from sqlalchemy.engine import Connection

from audit.search import records_about
from foundation.errors import Conflict, Forbidden, InvalidInput, NotFound
from guardrails.approvals.service import POLICY_ACTOR
from guardrails.approvals.store import sha256_text
from guardrails.approvals.types import ApprovalRequest
from guardrails.executor.boundary import answer
from guardrails.executor.errors import TargetMoved
from guardrails.executor.port import Action
from guardrails.policy.policy import Policy
from guardrails.policy.types import PolicyQuestion
from guardrails.proposal import proposal_digest
from platform_core.access.principals import Principal

People = Callable[[str], Principal]
"""Who a principal id is now; raises NotFound (`platform_core.access.directory.PrincipalDirectory.get`)."""


def require_policy(policy: Policy, request: ApprovalRequest, now: datetime, people: People) -> None:
    """Today's policy and today's roles, not those of the day of the request. Raises Forbidden, Unavailable."""
    proposal = request.proposal
    verdict = policy.judge(PolicyQuestion.about(proposal, at=now))
    if verdict.effect == "deny":
        raise Forbidden(f"policy denies {proposal.tool} now: {verdict.reason}", hint=f"rule {verdict.rule}")
    if verdict.effect != "require_approval":
        return
    approved = {made.principal_id for made in request.decisions if made.verdict == "approve"} - {POLICY_ACTOR}
    objections = {who: _objection(policy, request, who, people) for who in sorted(approved)}
    standing = [who for who, objection in objections.items() if objection is None]
    if len(standing) < verdict.approvers_needed:
        why = "".join(f"; {objection}" for objection in objections.values() if objection is not None)
        raise Forbidden(
            f"policy wants {verdict.approvers_needed} approvals for {proposal.tool}, "
            f"{request.id} has {len(standing)}{why}",
            hint="propose again",
        )


def _objection(policy: Policy, request: ApprovalRequest, principal_id: str, people: People) -> str | None:
    """Why this person's approval no longer counts; None when it does."""
    try:
        principal = people(principal_id)
    except NotFound as unknown:
        return unknown.message
    right = policy.may_decide(principal, request.proposal)
    return None if right.allowed else right.reason


def require_same_target(action: Action, request: ApprovalRequest) -> None:
    """Plan again and compare with what was approved. Raises TargetMoved, Unavailable."""
    proposal = request.proposal
    try:
        plan = answer(lambda: action.plan(proposal.arguments))
    except (Conflict, NotFound, InvalidInput) as error:
        raise TargetMoved(f"{proposal.tool} no longer applies to {proposal.plan.target}: {error.message}") from error
    digest = proposal_digest(proposal.tool, proposal.arguments, plan.environment, plan.target_revision)
    same = (
        digest == proposal.digest
        and action.tier == proposal.tier
        and (plan.target, plan.tenant) == (proposal.plan.target, proposal.tenant)
    )
    void = "the approval is void: propose and ask again"
    if not same:
        raise TargetMoved(
            f"{plan.target} is at revision {plan.target_revision}; {request.id} was approved for revision "
            f"{proposal.plan.target_revision}",
            hint=void,
        )
    # The diff is what people read. Code that plans another one for the same arguments (a release in between, say) is
    # not what they approved, whatever digest and revision say. Compared as JSON: the stored one has been through it.
    if plan.model_dump(mode="json")["changes"] != proposal.plan.model_dump(mode="json")["changes"]:
        raise TargetMoved(f"{proposal.tool} would now change {plan.target} otherwise than was shown", hint=void)


def require_recorded(connection: Connection, request: ApprovalRequest) -> None:
    """The audit log must tell the same story as the rows: who asked for exactly this, and who approved it.

    Whoever can write to the database can make an approval out of nothing, but not without an entry in a log that is
    chained, signed and copied. Raises Forbidden.
    """
    proposal = request.proposal
    records = records_about(connection, request.id, incident_id=proposal.incident_id)
    document = sha256_text(proposal.model_dump_json())
    asked = any(r.action == "approval.requested" and r.payload.get("document_sha256") == document for r in records)
    granted = {
        r.actor for r in records if r.action == "approval.granted" and r.payload.get("digest") == proposal.digest
    }
    unknown = sorted({made.principal_id for made in request.decisions if made.verdict == "approve"} - granted)
    if not asked or not granted or unknown:
        who = f"an approval by {', '.join(unknown)}" if unknown else "this request and its approval"
        raise Forbidden(
            f"the audit log knows nothing of {who} for {request.id}: nothing is done",
            hint="somebody wrote to the database past us: vigia audit verify, and look at who had access",
        )
