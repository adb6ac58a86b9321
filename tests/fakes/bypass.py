"""A bench for attacks on the guarded path: real actions, approvals, executor and audit log, and a target that counts.

What an attack achieved is read at the target, never from what was returned. `Disarmed` takes single guards out, so that
every attack can be shown to work without the guard that stops it.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.engine import Connection, Engine

from agents.diagnosis.proposals import bind
from audit.log import SqlAuditLog
from audit.port import AuditLog
from foundation.clock import FixedClock
from foundation.errors import NotFound, VigiaError
from guardrails.approvals.service import ApprovalService
from guardrails.executor.claiming import SpendsActions
from guardrails.executor.executor import Executor
from guardrails.executor.tables import executions
from guardrails.policy.policy import Policy, PolicySource
from guardrails.proposal import ActionProposal, proposal_digest
from platform_core.access.principals import Principal
from platform_core.operations.resources import Resource, ResourceChange
from tests.fakes.act_cases import CASES, Case, prepared
from tests.fakes.guarded import ALICE
from tests.fakes.observed_catalog import NOW
from tests.fakes.observed_platform import ObservedPlatform
from tests.fakes.observed_ports import FakeResources
from tools.act import actions

HALF_AN_HOUR = timedelta(minutes=30)
_TWINS = {
    "payments_br": "payments_ar",
    "ingest-br": "ingest-ar",
    "fraud-br": "fraud-ar",
    "online-compaction": "materialize-card_velocity",
    "fraud_score": "refund_score",
}


def twin(text: str) -> str:
    """The same thing of somebody else: another tenant's source, another job."""
    for mine, theirs in _TWINS.items():
        text = text.replace(mine, theirs)
    return text


class CountedResources(FakeResources):
    """Counts what really changed. `careless`: a target that does not look at revisions, read through a replica that
    lags: whoever asks finds it as it was at first. Keys it keeps: one execution is one change."""

    def __init__(self, resources: list[Resource], clock: Any, *, careless: bool = False) -> None:
        super().__init__(resources, clock)
        self.careless = careless
        self.effects: list[str] = []
        self._at_first = dict(self.by_urn)
        self._lock = threading.Lock()

    def get(self, urn: str) -> Resource:
        return self._at_first[urn] if self.careless and urn in self._at_first else super().get(urn)

    def patch(self, urn: str, fields: dict[str, Any], **call: Any) -> ResourceChange:
        with self._lock:
            if self.careless:
                call |= {"expected_revision": self.get(urn).revision}
            change = super().patch(urn, fields, **call)
            if not change.replayed:
                self.effects.append(urn)
            return change


class Bench:
    """One act tool, its target and its twin, and the whole guarded path before them."""

    def __init__(
        self,
        name: str,
        engine: Engine,
        platform: ObservedPlatform,
        resources: list[Resource],
        *,
        careless: bool = False,
    ) -> None:
        self.name = name
        self.case: Case = CASES[name]
        self.engine = engine
        self.clock = FixedClock(NOW)
        ready = {
            r.urn: prepared(self.case, r) for r in resources if r.urn in (self.case.target, twin(self.case.target))
        }
        self.resources = CountedResources([ready.get(r.urn, r) for r in resources], self.clock, careless=careless)
        self.view = replace(platform.view, resources=self.resources, clock=self.clock)
        self.actions = actions(self.resources, self.resources, self.view)
        self.log = SqlAuditLog(engine, self.clock)
        self.people: dict[str, Principal] = {ALICE.id: ALICE}
        self.policy: PolicySource = DEFAULT
        self.approvals = self.desk(self.policy)

    @property
    def effects(self) -> int:
        return len(self.resources.effects)

    def desk(self, policy: PolicySource, audit: AuditLog | None = None) -> ApprovalService:
        return ApprovalService(
            self.engine, self.clock, audit or self.log, policy, expires_after=HALF_AN_HOUR, people=self.who_is
        )

    def executor(
        self,
        *,
        policy: PolicySource | None = None,
        audit: AuditLog | None = None,
        budget: SpendsActions | None = None,
    ) -> Executor:
        """A new one, as a process that was just started has."""
        return Executor(
            self.engine,
            self.clock,
            audit or self.log,
            self.approvals,
            policy or self.policy,
            self.actions,
            people=self.who_is,
            actor="service:worker",
            budget=budget,
        )

    def who_is(self, principal_id: str) -> Principal:
        if principal_id not in self.people:
            raise NotFound(f"nobody is known as {principal_id!r}")
        return self.people[principal_id]

    def proposal(self, *, requested_by: str = "agent:incident", theirs: bool = False) -> ActionProposal:
        """What the agent would propose; `theirs`: on the twin of the target."""
        arguments = self.arguments(theirs=theirs)
        planner = self.actions[self.name]
        return bind(
            planner,
            arguments,
            planner.plan(arguments),
            self.view.lineage,
            incident_id="inc_1",
            evidence_ids=("E1",),
            rationale="as the evidence says",
            requested_by=requested_by,
            clock=self.clock,
        )

    def arguments(self, *, theirs: bool = False) -> dict[str, Any]:
        text = json.dumps(self.case.arguments)
        return json.loads(twin(text) if theirs else text)

    def approved(self, proposal: ActionProposal | None = None) -> str:
        request = self.approvals.request(proposal or self.proposal())
        return self.approvals.decide(request.id, ALICE, "approve", channel="cli").id

    def attempt(self, *calls: Callable[[], object]) -> list[str]:
        """Do each, as an attacker would who ignores refusals; what was said to each."""
        said: list[str] = []
        for call in calls:
            try:
                call()
                said.append("done")
            except VigiaError as refused:
                said.append(refused.message)
        return said


DEFAULT = Policy.load(None)


class Disarmed:
    """Takes guards out, one at a time, through the test's own patches."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self._patch = patch

    def status(self) -> None:
        """Whatever the request says of itself counts as approved."""
        get = ApprovalService.get
        self._patch.setattr(
            ApprovalService, "get", lambda desk, i: get(desk, i).model_copy(update={"status": "approved"})
        )

    def policy(self) -> None:
        self._patch.setattr("guardrails.executor.checks.require_policy", lambda *_, **__: None)

    def people(self) -> None:
        """Anybody may approve anything."""
        self._patch.setattr("guardrails.policy.policy._objection", lambda *_: None)
        self._patch.setattr("guardrails.approvals.rights.Rights.may_see", lambda *_: True)

    def log(self) -> None:
        self._patch.setattr("guardrails.executor.checks.require_recorded", lambda *_: None)

    def replanning(self) -> None:
        self._patch.setattr("guardrails.executor.checks.require_same_target", lambda *_: None)

    def stored_document(self) -> None:
        self._patch.setattr("guardrails.approvals.store.refuse_altered", lambda *_: None)

    def claim(self) -> None:
        """Takes the row whatever its state and however late."""
        self._patch.setattr("guardrails.executor.store.claim", _unconditionally)

    def single_use(self) -> None:
        """Nobody looks whether it was executed, and nobody takes it."""
        self._patch.setattr(Executor, "for_approval", lambda *_: None)
        self._patch.setattr("guardrails.executor.claiming.Claims.take", lambda *_: True)
        self._patch.setattr(Executor, "_settle", lambda _executor, execution, *_, **__: execution)


def _unconditionally(connection: Connection, execution: Any) -> bool:
    row = execution.model_dump(include={"id", "approval_id", "incident_id", "status", "started_at"})
    connection.execute(sa.insert(executions).values(**row, idempotency_key=execution.id))
    return True


def rebound(proposal: ActionProposal, **changes: Any) -> ActionProposal:
    """`proposal` with other content and the digest that fits it, as a forger would write it."""
    changed = proposal.model_copy(update=changes)
    signed = proposal_digest(changed.tool, changed.arguments, changed.plan.environment, changed.plan.target_revision)
    return changed.model_copy(update={"digest": signed})


@contextmanager
def undurable(engine: Engine) -> Generator[Engine]:
    """SQLite without waiting for the disk: these tests count effects, they do not pull plugs."""

    def relax(connection: Any, _record: object) -> None:
        connection.execute("PRAGMA synchronous=OFF")

    event.listen(engine, "connect", relax)
    yield engine
    engine.dispose()
