"""One decision, inside the caller's transaction: the right to it, the kill switch, and a conditional UPDATE."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Literal

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from audit.port import AuditLog
from foundation.errors import Conflict, Forbidden
from foundation.reasons import reason_for, reason_if_any
from guardrails.approvals import records, store, switch
from guardrails.approvals.rights import Judged, Right, Rights
from guardrails.approvals.tables import approval_requests
from guardrails.approvals.types import ApprovalRequest, Channel, Decision
from platform_core.access.principals import Principal

Verdict = Literal["approve", "reject"]


def said(verdict: Verdict, reason: str | None) -> str | None:
    """The reason as it is kept. A rejection has one: whoever asked, or the agent's next round, goes by it. Raises
    InvalidInput."""
    return reason_for("a rejection", reason) if verdict == "reject" else reason_if_any("an approval", reason)


class Deciding:
    def __init__(self, audit: AuditLog, rights: Rights, grant_expires_after: timedelta) -> None:
        self._audit = audit
        self._rights = rights
        self._grant_expires_after = grant_expires_after

    def decide(
        self,
        connection: Connection,
        request: ApprovalRequest,
        principal: Principal,
        verdict: Verdict,
        *,
        reason: str | None,
        channel: Channel,
        now: datetime,
        batch: str | None = None,
    ) -> ApprovalRequest:
        """Raises Forbidden, Conflict."""
        right, judged = self._require_right(connection, request, principal, verdict, now)
        glass = judged.glass if judged else None
        decision = Decision(
            request_id=request.id,
            principal_id=principal.id,
            verdict=verdict,
            reason=reason,
            channel=channel,
            decided_at=now,
            on_behalf_of=right.on_behalf_of,
        )
        if verdict == "approve":
            switch.require_released(connection)
            store.require_untouched(connection, request)
        won = self._compare_and_set(
            connection, decision, lifted_to=judged.verdict.approvers_needed if judged and glass else None
        )
        current = store.read_request(connection, request.id)
        if not won:
            raise _lost(current)
        if any({made.principal_id, made.authority} & {principal.id, decision.authority} for made in current.decisions):
            raise Conflict(f"{decision.authority} already decided on {request.id}", hint="another person has to")
        store.insert_decision(connection, decision)
        self._audit.append(records.decided(request, decision, glass=glass, batch=batch), connection=connection)
        return store.read_request(connection, request.id)

    def _require_right(
        self, connection: Connection, request: ApprovalRequest, principal: Principal, verdict: Verdict, now: datetime
    ) -> tuple[Right, Judged | None]:
        """The right, and for an approval what policy says now."""
        proposal = request.proposal
        right = self._rights.to_approve(connection, principal, proposal, now)
        if verdict == "reject" and not right.allowed:
            # Whoever could approve another's proposal may also withdraw their own.
            right = self._rights.to_approve(connection, principal, proposal, now, anybodys=True)
        if not right.allowed:
            raise Forbidden(right.reason)
        if verdict == "reject":
            return right, None
        judged = self._rights.judge(connection, proposal, now)
        if judged.verdict.effect == "deny":
            raise Forbidden(f"policy denies {proposal.tool} now: {judged.verdict.reason}")
        return right, judged

    def _compare_and_set(self, connection: Connection, decision: Decision, *, lifted_to: int | None) -> bool:
        """Count the decision if the request still waits for one; whether it did. `lifted_to`: so many approvals are
        enough under broken glass."""
        table, now = approval_requests.c, decision.decided_at
        update = sa.update(approval_requests).where(
            table.id == decision.request_id, table.status == "pending", table.expires_at > now
        )
        if decision.verdict == "reject":
            return connection.execute(update.values(status="rejected")).rowcount == 1
        complete = table.approvals + 1 >= (table.approvers_needed if lifted_to is None else lifted_to)
        ends = sa.literal(now + self._grant_expires_after, table.grant_expires_at.type)
        update = update.values(
            approvals=table.approvals + 1,
            status=sa.case((complete, "approved"), else_="pending"),
            grant_expires_at=sa.case((complete, ends)),
        )
        return connection.execute(update).rowcount == 1


def _lost(request: ApprovalRequest) -> Conflict:
    if request.status in ("pending", "expired"):
        why = f" ({request.closed_reason})" if request.closed_reason else ""
        return Conflict(f"{request.id} expired at {request.expires_at.isoformat()}{why}: nothing was run")
    if not request.decisions:
        return Conflict(f"{request.id} is {request.status}")
    last = request.decisions[-1]
    verb = "approved" if last.verdict == "approve" else "rejected"
    return Conflict(f"{request.id} was already {verb} by {last.principal_id} at {last.decided_at.isoformat()}")
