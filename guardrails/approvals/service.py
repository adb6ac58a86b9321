"""Requests for approval and the people who decide on them.

Every change and its audit entry are one transaction: what the log does not know did not happen. A decision is one
conditional UPDATE, so of two clicks at the same moment one wins on any database, and the other is told who did.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Literal

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from audit.entry import AuditRecord
from audit.port import AuditLog
from foundation.clock import Clock
from foundation.database import reading, transaction
from foundation.errors import Conflict, Forbidden, InvalidInput
from foundation.ids import new_id
from guardrails.approvals import records, store, switch
from guardrails.approvals.tables import approval_requests, proposals
from guardrails.approvals.types import ApprovalRequest, Channel, Decision
from guardrails.policy.policy import Policy
from guardrails.policy.types import PolicyQuestion
from guardrails.proposal import ActionProposal
from platform_core.access.principals import Principal

POLICY_ACTOR = "service:policy"
"""Who decided when the policy allows a thing without anybody being asked (never in production)."""


class ApprovalService:
    """`expires_after`: how long a request may wait for people; `grant_expires_after`: how long an approval may wait to
    be executed (the same when not given). Both on the platform's clock."""

    def __init__(
        self,
        engine: Engine,
        clock: Clock,
        audit: AuditLog,
        policy: Policy,
        *,
        expires_after: timedelta,
        grant_expires_after: timedelta | None = None,
    ) -> None:
        self._engine = engine
        self._clock = clock
        self._audit = audit
        self._policy = policy
        self._expires_after = expires_after
        self._grant_expires_after = grant_expires_after or expires_after

    def request(self, proposal: ActionProposal) -> ApprovalRequest:
        """Store `proposal` and ask for approval; approved at once where policy allows it outside production.

        The same proposal again returns its request as it stands, so a caller that crashed may repeat itself. Raises
        Forbidden when policy denies it, InvalidInput when its digest is not that of its content, Conflict when the
        id belongs to another proposal, Unavailable.
        """
        if not proposal.digest_holds():
            raise InvalidInput(f"proposal {proposal.id}: the digest is not that of its content")
        now = self._clock.now()
        verdict = self._policy.judge(PolicyQuestion.about(proposal, at=now))
        with transaction(self._engine) as connection:
            known = store.read_requests(connection, approval_requests.c.proposal_id == proposal.id)
            if known:
                return _same(known[0], proposal)
            if verdict.effect == "deny":
                raise Forbidden(f"policy denies {proposal.tool}: {verdict.reason}", hint=f"rule {verdict.rule}")
            allowed = verdict.effect == "allow"
            request = ApprovalRequest(
                id=new_id("apr"),
                proposal=proposal,
                status="approved" if allowed else "pending",
                rule=verdict.rule,
                approvers_needed=verdict.approvers_needed,
                requested_at=now,
                expires_at=now + self._expires_after,
            )
            grant_ends = now + self._grant_expires_after if allowed else None
            store.insert_request(connection, request, grant_expires_at=grant_ends)
            self._audit.append(records.requested(request, self._policy.digest), connection=connection)
            if allowed:
                decision = Decision(
                    request_id=request.id,
                    principal_id=POLICY_ACTOR,
                    verdict="approve",
                    reason=f"rule {verdict.rule}: {verdict.reason}",
                    channel="policy",
                    decided_at=now,
                )
                store.insert_decision(connection, decision)
                self._audit.append(records.decided(request, decision), connection=connection)
            return store.read_request(connection, request.id)

    def decide(
        self,
        request_id: str,
        principal: Principal,
        verdict: Literal["approve", "reject"],
        *,
        reason: str | None = None,
        channel: Channel,
    ) -> ApprovalRequest:
        """Record what `principal` decided.

        Raises NotFound; Forbidden when policy or role do not let them (the attempt is audited); Conflict when it was
        decided, has expired, was tampered with, or the kill switch is engaged; Unavailable. Nothing changes then.
        """
        self._expire(request_id)
        try:
            with transaction(self._engine) as connection:
                request = store.read_request(connection, request_id)
                decision = Decision(
                    request_id=request_id,
                    principal_id=principal.id,
                    verdict=verdict,
                    reason=reason,
                    channel=channel,
                    decided_at=self._clock.now(),
                )
                self._require_right(request, principal, verdict)
                return self._decide(connection, request, decision)
        except Forbidden as error:
            self._audit.append(records.refused(request_id, principal, verdict, channel, error.message))
            raise

    def get(self, request_id: str) -> ApprovalRequest:
        """Raises NotFound."""
        with reading(self._engine) as connection:
            return store.read_request(connection, request_id)

    def pending(self) -> list[ApprovalRequest]:
        """What waits for a decision and has not run out, oldest first."""
        with reading(self._engine) as connection:
            return store.read_requests(
                connection,
                approval_requests.c.status == "pending",
                approval_requests.c.expires_at > self._clock.now(),
            )

    def for_incident(self, incident_id: str) -> list[ApprovalRequest]:
        with reading(self._engine) as connection:
            return store.read_requests(connection, proposals.c.incident_id == incident_id)

    def expire_due(self) -> list[ApprovalRequest]:
        """Close every request, and every grant that was not used, whose time is over; those that were closed."""
        with reading(self._engine) as connection:
            due = list(connection.scalars(sa.select(approval_requests.c.id).where(self._overdue())))
        closed = [self._expire(request_id) for request_id in due]
        return [request for request in closed if request is not None]

    def void(self, request_id: str, *, actor: str, reason: str) -> bool:
        """Take an approval back that can no longer be executed as approved; False when it is not approved any more."""
        with transaction(self._engine) as connection:
            if not store.move(connection, request_id, before="approved", after="expired", reason=reason):
                return False
            request = store.read_request(connection, request_id)
            self._audit.append(records.closed("approval.voided", request, actor, reason), connection=connection)
            return True

    def supersede(
        self, request_id: str, reason: str, *, actor: str = "service:approvals", undecided_only: bool = False
    ) -> bool:
        """Close a request that is no longer what should be done (new evidence, another proposal), approved or not.

        False when there was nothing left to close: it is executed, rejected or expired (with `undecided_only` also when
        it is approved: then the decision stands). Its status is then `expired`
        and `closed_reason` says why, so that nobody can approve or execute it any more. Raises NotFound, Unavailable.
        """
        reason = f"superseded: {reason}"[:400]
        with transaction(self._engine) as connection:
            request = store.read_request(connection, request_id)
            if request.status not in (("pending",) if undecided_only else ("pending", "approved")):
                return False
            if not store.move(connection, request_id, before=request.status, after="expired", reason=reason):
                return False
            record = records.closed("approval.superseded", request, actor, reason)
            self._audit.append(record, connection=connection)
            return True

    def kill_switch(self) -> switch.KillSwitch:
        with reading(self._engine) as connection:
            return switch.read_switch(connection)

    def set_kill_switch(self, on: bool, principal: Principal, reason: str) -> switch.KillSwitch:
        """Engage or release. Raises Forbidden, InvalidInput for a reason that says nothing, Unavailable."""
        switch.require_may_switch(principal, on=on)
        switch.require_reason(reason)
        state = switch.KillSwitch(engaged=on, changed_by=principal.id, reason=reason, changed_at=self._clock.now())
        with transaction(self._engine) as connection:
            switch.write_switch(connection, state)
            self._audit.append(
                AuditRecord(
                    action="kill_switch.engaged" if on else "kill_switch.released",
                    actor=principal.id,
                    subject="kill_switch",
                    payload={"reason": reason},
                ),
                connection=connection,
            )
        return state

    def _decide(self, connection: Connection, request: ApprovalRequest, decision: Decision) -> ApprovalRequest:
        if decision.verdict == "approve":
            switch.require_released(connection)
            store.require_untouched(connection, request)
        won = self._compare_and_set(connection, decision)
        current = store.read_request(connection, request.id)
        if not won:
            raise _lost(current)
        if any(made.principal_id == decision.principal_id for made in current.decisions):
            raise Conflict(f"{decision.principal_id} already decided on {request.id}", hint="another person has to")
        store.insert_decision(connection, decision)
        self._audit.append(records.decided(request, decision), connection=connection)
        return store.read_request(connection, request.id)

    def _require_right(
        self, request: ApprovalRequest, principal: Principal, verdict: Literal["approve", "reject"]
    ) -> None:
        right = self._policy.may_decide(principal, request.proposal)
        if verdict == "reject" and not right.allowed:
            # Whoever could approve another's proposal may also withdraw their own.
            right = self._policy.may_decide(principal, request.proposal.model_copy(update={"requested_by": ""}))
        if not right.allowed:
            raise Forbidden(right.reason)
        if verdict == "approve":
            judged = self._policy.judge(PolicyQuestion.about(request.proposal, at=self._clock.now()))
            if judged.effect == "deny":
                raise Forbidden(f"policy denies {request.proposal.tool} now: {judged.reason}")

    def _compare_and_set(self, connection: Connection, decision: Decision) -> bool:
        """Count the decision if the request still waits for one; whether it did."""
        table, now = approval_requests.c, decision.decided_at
        update = sa.update(approval_requests).where(
            table.id == decision.request_id, table.status == "pending", table.expires_at > now
        )
        if decision.verdict == "reject":
            return connection.execute(update.values(status="rejected")).rowcount == 1
        complete = table.approvals + 1 >= table.approvers_needed
        ends = sa.literal(now + self._grant_expires_after, table.grant_expires_at.type)
        update = update.values(
            approvals=table.approvals + 1,
            status=sa.case((complete, "approved"), else_="pending"),
            grant_expires_at=sa.case((complete, ends)),
        )
        return connection.execute(update).rowcount == 1

    def _overdue(self) -> sa.ColumnElement[bool]:
        table, now = approval_requests.c, self._clock.now()
        return sa.or_(
            sa.and_(table.status == "pending", table.expires_at <= now),
            sa.and_(table.status == "approved", table.grant_expires_at <= now),
        )

    def _expire(self, request_id: str) -> ApprovalRequest | None:
        """Close `request_id` if its time is over; None when it is not, or somebody else did."""
        with transaction(self._engine) as connection:
            found = store.read_requests(connection, approval_requests.c.id == request_id, self._overdue())
            if not found:
                return None
            before = found[0].status
            reason = "nobody decided in time" if before == "pending" else "approved, but not executed in time"
            if not store.move(connection, request_id, before=before, after="expired", reason=reason):
                return None
            request = store.read_request(connection, request_id)
            record = records.closed("approval.expired", request, "service:approvals", reason)
            self._audit.append(record, connection=connection)
            return request


def _same(known: ApprovalRequest, proposal: ActionProposal) -> ApprovalRequest:
    if known.proposal.model_dump_json() != proposal.model_dump_json():
        raise Conflict(f"proposal {proposal.id} exists with other content", hint="give a new proposal a new id")
    return known


def _lost(request: ApprovalRequest) -> Conflict:
    if request.status in ("pending", "expired"):
        return Conflict(f"{request.id} expired at {request.expires_at.isoformat()}: nothing was run")
    if not request.decisions:
        return Conflict(f"{request.id} is {request.status}")
    last = request.decisions[-1]
    verb = "approved" if last.verdict == "approve" else "rejected"
    return Conflict(f"{request.id} was already {verb} by {last.principal_id} at {last.decided_at.isoformat()}")
