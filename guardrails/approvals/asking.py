"""Storing a proposal and asking for approval of it, and the right to do so."""

from __future__ import annotations

import re
from collections.abc import Generator
from contextlib import contextmanager
from datetime import timedelta

from sqlalchemy.engine import Connection, Engine

from audit.port import AuditLog
from foundation.clock import Clock
from foundation.database import reading
from foundation.errors import Conflict, Forbidden, InvalidInput, NotFound
from foundation.ids import new_id
from guardrails.approvals import records, store
from guardrails.approvals.rights import Rights
from guardrails.approvals.skew import require_sane_clock
from guardrails.approvals.tables import approval_requests
from guardrails.approvals.types import ApprovalRequest, Channel, Decision
from guardrails.proposal import ActionProposal
from platform_core.access.principals import Principal

POLICY_ACTOR = "service:policy"
"""Who decided when the policy allows a thing without anybody being asked (never in production)."""

_TOOL_NAME = re.compile(r"[a-z][a-z0-9_]{0,79}", re.ASCII)


class Asking:
    def __init__(
        self, engine: Engine, clock: Clock, audit: AuditLog, expires_after: timedelta, grant_expires_after: timedelta
    ) -> None:
        self._engine = engine
        self._clock = clock
        self._audit = audit
        self._expires_after = expires_after
        self._grant_expires_after = grant_expires_after

    @contextmanager
    def telling_refusals(
        self, proposal: ActionProposal, channel: Channel | None, *, revises: str | None = None
    ) -> Generator[None]:
        """A person's attempt that raises Forbidden, or NotFound for what is not theirs to see, is audited."""
        try:
            yield
        except (Forbidden, NotFound) as error:
            if proposal.requested_by.startswith("human:"):
                self._audit.append(records.not_proposed(proposal, channel, error.message, revises=revises))
            raise

    def require_right(
        self,
        rights: Rights,
        proposal: ActionProposal,
        person: Principal,
        *,
        channel: Channel,
        revises: str | None = None,
    ) -> None:
        """Raises NotFound, Forbidden."""
        now = self._clock.now()
        with self.telling_refusals(proposal, channel, revises=revises):
            if not rights.may_see(person, proposal, now):
                raise NotFound(
                    f"there is no {proposal.plan.target[:80]!r}", hint="or it belongs to a tenant that is not yours"
                )
            with reading(self._engine) as connection:
                may = rights.may_propose(rights.judge(connection, proposal, now), proposal.requested_by)
            if not may.allowed:
                raise Forbidden(may.reason)

    def ask(
        self,
        connection: Connection,
        proposal: ActionProposal,
        rights: Rights,
        *,
        channel: Channel | None = None,
        revises: str | None = None,
    ) -> ApprovalRequest:
        """Raises as `ApprovalService.request`."""
        known = store.read_requests(connection, approval_requests.c.proposal_id == proposal.id)
        if known:
            return _same(known[0], proposal)
        now = require_sane_clock(connection, self._clock)
        judged = rights.judge(connection, proposal, now)
        verdict = judged.verdict
        if verdict.effect == "deny":
            raise Forbidden(f"policy denies {proposal.tool}: {verdict.reason}", hint=f"rule {verdict.rule}")
        may = rights.may_propose(judged, proposal.requested_by)
        if not may.allowed:
            raise Forbidden(may.reason)
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
        record = records.requested(request, judged.policy.digest, channel=channel, revises=revises)
        self._audit.append(record, connection=connection)
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


def require_sound(proposal: ActionProposal) -> None:
    """Raises InvalidInput for a digest that is not that of the content, or a tool name that only looks like one."""
    if not proposal.digest_holds():
        raise InvalidInput(f"proposal {proposal.id}: the digest is not that of its content")
    if _TOOL_NAME.fullmatch(proposal.tool) is None:
        raise InvalidInput(f"proposal {proposal.id}: {proposal.tool!r} is no tool's name", hint="a-z, 0-9 and _")


def _same(known: ApprovalRequest, proposal: ActionProposal) -> ApprovalRequest:
    if known.proposal.model_dump_json() != proposal.model_dump_json():
        raise Conflict(f"proposal {proposal.id} exists with other content", hint="give a new proposal a new id")
    return known
