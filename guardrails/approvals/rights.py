"""What policy, delegations and broken glass together say: the one place that answers, for decisions and executions."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from sqlalchemy.engine import Connection

from foundation.errors import NotFound
from guardrails.approvals import break_glass, delegation, store
from guardrails.approvals.people import People, nobody, roles_of
from guardrails.policy.policy import Policy, PolicySource
from guardrails.policy.types import MayDecide, PolicyQuestion, PolicyVerdict
from guardrails.proposal import ActionProposal
from platform_core.access.principals import Principal


class Judged(NamedTuple):
    """A verdict, the policy that spoke it, and the broken glass that it took, if any."""

    verdict: PolicyVerdict
    policy: Policy
    question: PolicyQuestion
    glass: str | None


class Right(NamedTuple):
    """Whether somebody may approve, why (not), and whose right they use when it is not their own."""

    allowed: bool
    reason: str
    on_behalf_of: str | None = None


class Rights:
    def __init__(self, policy: PolicySource, people: People | None) -> None:
        self._policy = policy
        self._people = people or nobody

    def pinned(self) -> Rights:
        """By the policy as it is now. For whoever asks inside a transaction: there a file that changed meanwhile could
        not come into force, since its entry in the audit log would wait for that very transaction."""
        return Rights(self._policy.current(), self._people)

    def judge(self, connection: Connection, proposal: ActionProposal, at: datetime) -> Judged:
        """The verdict on `proposal` at `at`. Broken glass is only looked for where it could change something."""
        policy = self._policy.current()
        roles = roles_of(self._people, proposal.requested_by, proposal.tenant, proposal.environment)
        question = PolicyQuestion.about(proposal, at=at, requester_roles=roles)
        verdict = policy.judge(question)
        if verdict.effect == "deny" or verdict.approvers_needed > 1:
            glass = break_glass.active(connection, proposal.environment, proposal.tenant, at)
            lifted = policy.judge(question.model_copy(update={"break_glass": True})) if glass else verdict
            if lifted != verdict:
                return Judged(lifted, policy, question, glass)
        return Judged(verdict, policy, question, None)

    def may_propose(self, judged: Judged, principal_id: str) -> MayDecide:
        """A person also has to act for the tenant that the proposal is about."""
        may = judged.policy.may("propose", principal_id, judged.question.requester_roles, judged.question)
        if not may.allowed or not principal_id.startswith("human:"):
            return may
        try:
            person = self._people(principal_id)
        except NotFound as unknown:
            return MayDecide(allowed=False, reason=unknown.message)
        if not person.may_act_for(judged.question.tenant, judged.question.environment):
            whose = judged.question.tenant or "* (all of them)"
            return MayDecide(allowed=False, reason=f"{principal_id} may not act for tenant {whose}")
        return may

    def may_execute(self, judged: Judged, principal_id: str) -> MayDecide:
        return judged.policy.may("execute", principal_id, frozenset(), judged.question)

    def may_see(self, principal: Principal, proposal: ActionProposal, at: datetime) -> bool:
        question = PolicyQuestion.about(proposal, at=at)
        held = principal.roles_in(proposal.tenant, proposal.environment)
        seen = self._policy.current().may("see", principal.id, held, question)
        return seen.allowed and principal.may_act_for(proposal.tenant, proposal.environment)

    def to_approve(
        self,
        connection: Connection,
        principal: Principal,
        proposal: ActionProposal,
        at: datetime,
        *,
        anybodys: bool = False,
    ) -> Right:
        """By their own right, or by that of somebody who delegated it to them and has it themselves now. Either
        way they may see the proposal themselves: a delegation hands on decisions, not tenants.
        `anybodys`: whoever wrote it."""
        policy = self._policy.current()
        roles = roles_of(self._people, proposal.requested_by, proposal.tenant, proposal.environment)
        authors = frozenset[str]() if anybodys else store.authors_of(connection, proposal)
        own = policy.may_decide(principal, proposal, at=at, requester_roles=roles, authors=authors)
        if own.allowed and not self.may_see(principal, proposal, at):
            return Right(False, f"{principal.id} may not see this, so neither decide on it")
        if own.allowed or principal.kind != "human" or principal.id in authors:
            return Right(own.allowed, own.reason)
        if not self.may_see(principal, proposal, at):
            return Right(False, own.reason)
        for given in delegation.in_force(connection, principal.id, at):
            if given.tenant is not None and given.tenant != proposal.tenant:
                continue
            try:
                delegator = self._people(given.delegator)
            except NotFound:
                continue
            right = policy.may_decide(delegator, proposal, at=at, requester_roles=roles, authors=authors)
            if right.allowed:
                return Right(True, f"{right.reason}, for {delegator.id} ({given.id})", delegator.id)
        return Right(False, own.reason)
