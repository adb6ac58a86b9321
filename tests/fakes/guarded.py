"""What tests of policy, approvals and the executor share: people, proposals, and a target that counts its effects."""

from __future__ import annotations

import threading
from datetime import timedelta
from typing import Any

from sqlalchemy.engine import Engine

from audit.log import SqlAuditLog
from audit.port import AuditLog
from foundation.clock import Clock
from foundation.errors import Conflict, NotFound, Unavailable
from foundation.ids import new_id
from guardrails.approvals.service import ApprovalService
from guardrails.executor.executor import Executor
from guardrails.executor.port import Action
from guardrails.policy.policy import Policy
from guardrails.proposal import (
    ActionProposal,
    ActionReceipt,
    BlastRadius,
    Compensation,
    Plan,
    PlannedChange,
    PostCondition,
    Tier,
    proposal_digest,
)
from platform_core.access.principals import Environment, Principal, Role

TARGET = "urn:vigia:connector:payments_br"


def person(name: str, *roles: Role, tenants: frozenset[str] = frozenset({"*"})) -> Principal:
    return Principal(id=f"human:{name}", name=name, roles=frozenset(roles), tenants=tenants)


ALICE = person("alice", "oncall")
BOB = person("bob", "approver")
ROOT = person("root", "admin")


class Killed(BaseException):
    """The process died here. No handler of ours catches it, as none catches SIGKILL."""


class FakeTarget:
    """A resource with a revision, behind a network. `effects` counts what really changed.

    `crash_at` names a point at which the process that calls dies: `before` the request is sent, `after` the effect
    but before the answer. `down` makes it unreachable; `lose_answers` applies and then does not answer.
    """

    def __init__(self, *, revision: int = 3, deduplicates: bool = True, checks_revision: bool = True) -> None:
        self.revision = revision
        self.effects = 0
        self.crash_at: str | None = None
        self.down = False
        self.lose_answers = False
        self._deduplicates = deduplicates
        self._checks_revision = checks_revision
        self._answers: dict[str, ActionReceipt] = {}
        self._withdrawn: set[str] = set()
        self._lock = threading.Lock()

    def change(self, key: str, expected_revision: int) -> ActionReceipt:
        if self.crash_at == "before":
            raise Killed
        if self.down:
            raise Unavailable("the control API did not answer")
        receipt = self._change(key, expected_revision)
        if self.crash_at == "after":
            raise Killed
        if self.lose_answers:
            raise Unavailable("the control API did not answer in time")
        return receipt

    def find(self, key: str) -> ActionReceipt | None:
        if self.crash_at == "find":
            raise Killed
        if self.down:
            raise Unavailable("the control API did not answer")
        with self._lock:
            return self._answers.get(key)

    def withdraw(self, key: str) -> ActionReceipt | None:
        found = self.find(key)
        with self._lock:
            self._withdrawn.add(key)
            return self._answers.get(key, found)

    def _change(self, key: str, expected_revision: int) -> ActionReceipt:
        with self._lock:
            if self._deduplicates and key in self._answers:
                return self._answers[key].model_copy(update={"replayed": True})
            if key in self._withdrawn:
                raise Conflict(f"{key} was withdrawn")
            if self._checks_revision and expected_revision != self.revision:
                raise Conflict(f"revision is {self.revision}, not {expected_revision}")
            self.effects += 1
            self.revision += 1
            receipt = ActionReceipt(target=TARGET, revision=self.revision, change_event_id=new_id("chg"))
            self._answers[key] = receipt
            return receipt


class FakeAction(Action):
    """`restart_connector` on a FakeTarget."""

    name = "restart_connector"
    tier: Tier = "reversible"

    def __init__(self, target: FakeTarget) -> None:
        self.target = target
        self.applied: list[dict[str, Any]] = []
        self.environment: Environment = "production"
        self.tenant: str | None = "br"

    def plan(self, arguments: dict[str, Any]) -> Plan:
        return plan(self.target.revision, self.environment, tenant=self.tenant)

    def compensation(self, arguments: dict[str, Any], plan: Plan) -> Compensation | None:
        return None

    def post_conditions(self, arguments: dict[str, Any], plan: Plan) -> tuple[PostCondition, ...]:
        return ()

    def apply(
        self, arguments: dict[str, Any], *, expected_revision: int, idempotency_key: str, actor: str, reason: str
    ) -> ActionReceipt:
        self.applied.append({"key": idempotency_key, "actor": actor, "reason": reason, "arguments": arguments})
        return self.target.change(idempotency_key, expected_revision)

    def find(self, idempotency_key: str) -> ActionReceipt | None:
        return self.target.find(idempotency_key)

    def withdraw(self, idempotency_key: str, *, actor: str) -> ActionReceipt | None:
        return self.target.withdraw(idempotency_key)


def plan(revision: int = 3, environment: Environment = "production", *, tenant: str | None = "br") -> Plan:
    return Plan(
        target=TARGET,
        target_revision=revision,
        environment=environment,
        tenant=tenant,
        changes=(PlannedChange(field="restarts", before=0, after=1),),
        summary="restart the connector",
        expected_effect="rows arrive again",
    )


def proposal(
    clock: Clock,
    *,
    tool: str = "restart_connector",
    environment: Environment = "production",
    tenant: str | None = "br",
    tier: Tier = "reversible",
    endpoints: int = 1,
    requested_by: str = "agent:incident",
    revision: int = 3,
) -> ActionProposal:
    arguments = {"source": "payments_br"}
    return ActionProposal(
        id=new_id("prp"),
        incident_id="inc_1",
        tool=tool,
        arguments=arguments,
        tier=tier,
        plan=plan(revision, environment, tenant=tenant),
        digest=proposal_digest(tool, arguments, environment, revision),
        blast_radius=BlastRadius(endpoints=tuple(f"urn:vigia:endpoint:e{number}" for number in range(endpoints))),
        compensation=None,
        post_conditions=(),
        evidence_ids=("E1",),
        rationale="the connector's task crashed",
        requested_by=requested_by,
        created_at=clock.now(),
    )


class Guard:
    """The whole guarded path over one database: what bootstrap wires in production."""

    def __init__(
        self, engine: Engine, clock: Clock, *, policy: Policy | None = None, audit: AuditLog | None = None
    ) -> None:
        self.engine = engine
        self.clock = clock
        self.policy = policy or Policy.load(None)
        self.log = SqlAuditLog(engine, clock)
        self.audit = audit or self.log
        self.people: dict[str, Principal | None] = {}
        self.approvals = ApprovalService(
            engine, clock, self.audit, self.policy, expires_after=timedelta(minutes=30), people=self.who_is
        )
        self.target = FakeTarget()
        self.action = FakeAction(self.target)

    def executor(self, *, policy: Policy | None = None, audit: AuditLog | None = None) -> Executor:
        """A new one, as a process that was just started has."""
        return Executor(
            self.engine,
            self.clock,
            audit or self.audit,
            self.approvals,
            policy or self.policy,
            {self.action.name: self.action},
            people=self.who_is,
            actor="service:worker",
        )

    def who_is(self, principal_id: str) -> Principal:
        """Everybody who decides in these tests may, unless `people` says otherwise; None is somebody who left."""
        principal = self.people.get(principal_id, person(principal_id.split(":")[1], "oncall"))
        if principal is None:
            raise NotFound(f"nobody is known as {principal_id!r}")
        return principal

    def approved(self) -> str:
        """The id of a fresh request that Alice approved."""
        request = self.approvals.request(proposal(self.clock, revision=self.target.revision))
        return self.approvals.decide(request.id, ALICE, "approve", channel="cli").id

    def audited(self) -> list[str]:
        return [entry.record.action for entry in self.log.entries()]
