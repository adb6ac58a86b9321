"""What is checked again at the last moment before an effect."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.engine import Connection

from audit.search import said_of
from foundation.errors import Conflict, Forbidden, InvalidInput, NotFound
from guardrails.approvals.people import People
from guardrails.approvals.rights import Rights
from guardrails.approvals.store import sha256_text
from guardrails.approvals.types import ApprovalRequest, Decision
from guardrails.executor.boundary import answer
from guardrails.executor.errors import TargetMoved
from guardrails.executor.port import Action
from guardrails.proposal import proposal_digest

_TESTIMONY = ("approval.requested", "approval.granted")


def require_policy(
    connection: Connection, rights: Rights, request: ApprovalRequest, now: datetime, people: People, *, actor: str
) -> None:
    """Today's policy and today's roles, not those of the day of the request. Raises Forbidden, Unavailable."""
    proposal = request.proposal
    judged = rights.judge(connection, proposal, now)
    verdict = judged.verdict
    if verdict.effect == "deny":
        raise Forbidden(f"policy denies {proposal.tool} now: {verdict.reason}", hint=f"rule {verdict.rule}")
    may = rights.may_execute(judged, actor)
    if not may.allowed:
        raise Forbidden(may.reason)
    approvals = [made for made in request.decisions if made.verdict == "approve" and made.channel != "policy"]
    objections = {made.authority: _objection(connection, rights, request, made, now, people) for made in approvals}
    standing = [who for who, objection in objections.items() if objection is None]
    needed = verdict.approvers_needed if verdict.effect == "require_approval" else 0
    if proposal.environment == "production":
        # Said again here, so that it holds whatever the policy's code makes of its file.
        needed = max(1, needed)
    if len(standing) < needed:
        why = "".join(f"; {objection}" for objection in objections.values() if objection is not None)
        raise Forbidden(
            f"policy wants {needed} approvals for {proposal.tool}, {request.id} has {len(standing)}{why}",
            hint="propose again",
        )


def _objection(  # noqa: PLR0917 - where it is looked up, then about whom
    connection: Connection, rights: Rights, request: ApprovalRequest, made: Decision, now: datetime, people: People
) -> str | None:
    """Why this approval no longer counts; None when it does."""
    try:
        principal = people(made.principal_id)
    except NotFound as unknown:
        return unknown.message
    right = rights.to_approve(connection, principal, request.proposal, now)
    if not right.allowed:
        return right.reason
    if right.on_behalf_of not in (None, made.on_behalf_of):
        return f"{made.principal_id} no longer decides for {made.authority}"
    return None


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
    said = said_of(connection, request.id, incident_id=proposal.incident_id, actions=_TESTIMONY)
    document = sha256_text(proposal.model_dump_json())
    asked = any(one.action == "approval.requested" and one.payload.get("document_sha256") == document for one in said)
    granted = {
        (one.actor, one.payload.get("on_behalf_of"))
        for one in said
        if one.action == "approval.granted" and one.payload.get("digest") == proposal.digest
    }
    approvals = [made for made in request.decisions if made.verdict == "approve"]
    unknown = sorted({m.principal_id for m in approvals if (m.principal_id, m.on_behalf_of) not in granted})
    if not asked or not granted or unknown:
        who = f"an approval by {', '.join(unknown)}" if unknown else "this request and its approval"
        raise Forbidden(
            f"the audit log knows nothing of {who} for {request.id}: nothing is done",
            hint="somebody wrote to the database past us: vigia audit verify, and look at who had access",
        )
