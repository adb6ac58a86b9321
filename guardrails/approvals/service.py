"""Requests for approval and the people who decide on them.

Every change and its audit entry are one transaction: what the log does not know did not happen. A decision is one
conditional UPDATE, so of two clicks at the same moment one wins on any database, and the other is told who did.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from datetime import timedelta

from sqlalchemy.engine import Connection, Engine

from audit.entry import AuditRecord
from audit.port import AuditLog
from foundation.clock import Clock
from foundation.database import reading, transaction
from foundation.errors import Conflict, Forbidden, InvalidInput, VigiaError
from foundation.reasons import reason_for
from guardrails import locks
from guardrails.approvals import records, store, switch
from guardrails.approvals.asking import Asking, require_sound
from guardrails.approvals.batches import MOST, batch_of, likeness
from guardrails.approvals.closing import Closing
from guardrails.approvals.deciding import Deciding, Verdict, said
from guardrails.approvals.people import People
from guardrails.approvals.rights import Rights
from guardrails.approvals.skew import require_sane_clock
from guardrails.approvals.tables import approval_requests, proposals
from guardrails.approvals.types import ApprovalRequest, Batch, BatchOutcome, Channel
from guardrails.policy.policy import PolicySource
from guardrails.proposal import ActionProposal
from platform_core.access.principals import Principal


class ApprovalService:
    """`expires_after`: how long a request may wait for people; `grant_expires_after`: how long an approval may wait to
    be executed (the same when not given). Both on the platform's clock. `people` says who somebody is today; without
    it only agents and services can propose, and nothing can be delegated."""

    def __init__(
        self,
        engine: Engine,
        clock: Clock,
        audit: AuditLog,
        policy: PolicySource,
        *,
        expires_after: timedelta,
        grant_expires_after: timedelta | None = None,
        people: People | None = None,
    ) -> None:
        self._engine = engine
        self._clock = clock
        self._audit = audit
        self._grant_expires_after = grant_expires_after or expires_after
        self._asking = Asking(engine, clock, audit, expires_after, self._grant_expires_after)
        self._rights = Rights(policy, people)
        self._closing = Closing(engine, clock, audit)

    def request(self, proposal: ActionProposal, *, channel: Channel | None = None) -> ApprovalRequest:
        """Store `proposal` and ask for approval; approved at once where policy allows it outside production.
        `channel`: where a person proposed it.

        The same proposal again returns its request as it stands, so a caller that crashed may repeat itself. Raises
        Forbidden when policy denies it or lets the requester not propose it (the attempt of a person is audited),
        InvalidInput when its digest is not that of its content, Conflict when the id belongs to another proposal,
        Unavailable.
        """
        require_sound(proposal)
        rights = self._rights.pinned()
        with self._asking.telling_refusals(proposal, channel), transaction(self._engine) as connection:
            return self._asking.ask(connection, proposal, rights, channel=channel)

    def joining(
        self, proposal: ActionProposal, *, channel: Channel | None = None
    ) -> Callable[[Connection], ApprovalRequest]:
        """As `request`, by the policy as it is now, in a transaction of the caller's, who tells of refusals."""
        require_sound(proposal)
        rights = self._rights.pinned()
        return lambda connection: self._asking.ask(connection, proposal, rights, channel=channel)

    def revise(self, request_id: str, proposal: ActionProposal, *, channel: Channel | None = None) -> ApprovalRequest:
        """An edit: `proposal` in the place of one that waits or was approved. The older request is closed with it, its
        approvals are worth nothing for the new one, and who edited (`requested_by`) does not approve.

        Raises as `request`; Conflict also when there is nothing left to revise.
        """
        require_sound(proposal)
        rights = self._rights.pinned()
        with (
            self._asking.telling_refusals(proposal, channel, revises=request_id),
            transaction(self._engine) as connection,
        ):
            older = store.read_request(connection, request_id)
            if older.proposal.incident_id != proposal.incident_id:
                raise InvalidInput(f"{proposal.id} is about another incident than {request_id}")
            if older.proposal.digest == proposal.digest:
                raise InvalidInput(f"{proposal.id} proposes what {request_id} does: nothing was edited")
            newer = self._asking.ask(connection, proposal, rights, channel=channel, revises=request_id)
            reason = f"edited by {proposal.requested_by}, see {newer.id}"
            actor = proposal.requested_by
            if not self._closing.supersede(connection, request_id, actor=actor, reason=reason, by=newer.id):
                raise Conflict(f"{request_id} is {older.status}: there is nothing to revise")
            return newer

    def require_may_propose(
        self, proposal: ActionProposal, person: Principal, *, channel: Channel, revises: str | None = None
    ) -> None:
        """Before a diff is shown to who would propose it. Raises NotFound where they may not see such a thing or act
        for its target's tenant, Forbidden where they may not propose it; the attempt is audited."""
        self._asking.require_right(self._rights.pinned(), proposal, person, channel=channel, revises=revises)

    def telling_refusals(
        self, proposal: ActionProposal, channel: Channel, *, revises: str | None = None
    ) -> AbstractContextManager[None]:
        """Inside it a person's attempt that is refused is audited."""
        return self._asking.telling_refusals(proposal, channel, revises=revises)

    def decide(
        self,
        request_id: str,
        principal: Principal,
        verdict: Verdict,
        *,
        reason: str | None = None,
        channel: Channel,
    ) -> ApprovalRequest:
        """Record what `principal` decided, by their own right or one that was delegated to them.

        Raises NotFound; InvalidInput for a rejection without a reason; Forbidden when policy or role do not let them
        (the attempt is audited); Conflict when it was decided, has expired, was tampered with, or the kill switch is
        engaged; Unavailable. Nothing changes then.
        """
        return self._decide(request_id, principal, verdict, said(verdict, reason), channel)

    def like(self, request_id: str, among: Callable[[ApprovalRequest], bool] = lambda request: True) -> Batch:
        """Those that wait and are like this one, itself included, of the ones `among` which somebody looks; the oldest
        where they are too many. Raises NotFound, Conflict where none waits."""
        wanted = likeness(self.get(request_id))
        alike = [request for request in self.pending() if likeness(request) == wanted and among(request)]
        if not alike:
            raise Conflict(f"nothing like {request_id} waits for a decision")
        return batch_of(alike[:MOST]).model_copy(update={"more": len(alike[MOST:])})

    def decide_batch(
        self,
        request_ids: Sequence[str],
        batch_digest: str,
        principal: Principal,
        verdict: Verdict,
        *,
        reason: str | None = None,
        channel: Channel,
    ) -> list[BatchOutcome]:
        """Decide on like requests at one look, each as `decide` does: its own right, its own audit entry, and where one
        cannot be decided the others are. `batch_digest` is that of the batch that was shown.

        Raises NotFound; InvalidInput when they are not alike or the reason is none; Conflict when they are not what was
        shown. Nothing was decided then.
        """
        reason = said(verdict, reason)
        batch = batch_of([self.get(request_id) for request_id in sorted(set(request_ids))])
        if batch.digest != batch_digest:
            raise Conflict("these are not the requests that were shown", hint="look at the batch again")
        outcomes: list[BatchOutcome] = []
        for request_id in batch.request_ids:
            try:
                decided = self._decide(request_id, principal, verdict, reason, channel, batch=batch.digest)
            except VigiaError as error:
                outcomes.append(BatchOutcome(request_id=request_id, refused=str(error)))
            else:
                outcomes.append(BatchOutcome(request_id=request_id, status=decided.status))
        return outcomes

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

    def may_see(self, principal: Principal, request: ApprovalRequest) -> bool:
        return self._rights.may_see(principal, request.proposal, self._clock.now())

    def expire_due(self) -> list[ApprovalRequest]:
        """Close every request, and every grant that was not used, whose time is over; those that were closed."""
        return self._closing.expire_due()

    def void(self, request_id: str, *, actor: str, reason: str) -> bool:
        """Take an approval back that can no longer be executed as approved; False when it is not approved any more."""
        return self._closing.void(request_id, actor=actor, reason=reason)

    def supersede(
        self, request_id: str, reason: str, *, actor: str = "service:approvals", undecided_only: bool = False
    ) -> bool:
        """Close a request that is no longer what should be done (new evidence, another proposal), approved or not.

        False when there was nothing left to close: it is executed, rejected or expired (with `undecided_only` also when
        it is approved: then the decision stands). Its status is then `expired` and `closed_reason` says why, so that
        nobody can approve or execute it any more. Raises NotFound, Unavailable.
        """
        with transaction(self._engine) as connection:
            return self._closing.supersede(
                connection, request_id, actor=actor, reason=reason, undecided_only=undecided_only
            )

    def kill_switch(self) -> switch.KillSwitch:
        with reading(self._engine) as connection:
            return switch.read_switch(connection)

    def set_kill_switch(self, on: bool, principal: Principal, reason: str) -> switch.KillSwitch:
        """Engage or release. Raises Forbidden, InvalidInput for a reason that says nothing, Unavailable."""
        switch.require_may_switch(principal, on=on)
        reason = reason_for("the kill switch", reason)
        state = switch.KillSwitch(engaged=on, changed_by=principal.id, reason=reason, changed_at=self._clock.now())
        action = "kill_switch.engaged" if on else "kill_switch.released"
        record = AuditRecord(action=action, actor=principal.id, subject="kill_switch", payload={"reason": reason})
        with transaction(self._engine) as connection:
            locks.taking_away(connection)
            switch.write_switch(connection, state)
            self._audit.append(record, connection=connection)
        return state

    def _decide(
        self,
        request_id: str,
        principal: Principal,
        verdict: Verdict,
        reason: str | None,
        channel: Channel,
        *,
        batch: str | None = None,
    ) -> ApprovalRequest:
        self._closing.expire(request_id)
        deciding = Deciding(self._audit, self._rights.pinned(), self._grant_expires_after)
        try:
            with transaction(self._engine) as connection:
                locks.going_through(connection)
                request = store.read_request(connection, request_id)
                now = require_sane_clock(connection, self._clock)
                return deciding.decide(
                    connection, request, principal, verdict, reason=reason, channel=channel, now=now, batch=batch
                )
        except Forbidden as error:
            self._audit.append(records.refused(self.get(request_id), principal, verdict, channel, error.message))
            raise
