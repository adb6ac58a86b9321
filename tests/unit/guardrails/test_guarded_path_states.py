"""Any order of people, clocks, switches, crashes and reconciliations keeps the promises of the guarded path."""

from __future__ import annotations

import tempfile
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, rule

from audit.verify import verify_log
from foundation.clock import FixedClock
from foundation.database import metadata, open_database
from foundation.errors import Conflict, Forbidden
from platform_core.access.principals import Principal
from tests.conftest import NIGHT
from tests.fakes.guarded import ALICE, BOB, Guard, Killed, person, proposal

PEOPLE = [
    ALICE,
    BOB,
    person("eve", "viewer"),
    person("ana", "oncall", tenants=frozenset({"ar"})),
    Principal(id="agent:incident", name="agent", roles=frozenset({"admin"}), tenants=frozenset({"*"})),
]
MAY = {ALICE.id, BOB.id}


class GuardedPath(RuleBasedStateMachine):
    """Keeps its own small model: what each request may still become, and who really approved what."""

    requests = Bundle("requests")

    @initialize()
    def start(self) -> None:
        self.directory = tempfile.TemporaryDirectory()
        self.clock = FixedClock(NIGHT)
        self.engine = open_database(f"sqlite:///{Path(self.directory.name) / 'vigia.db'}")
        metadata.create_all(self.engine)
        self.guard = Guard(self.engine, self.clock)
        self.approved_at: dict[str, datetime] = {}
        self.requested_by: dict[str, str] = {}
        self.final: dict[str, str] = {}
        self.switch = False

    def teardown(self) -> None:
        if hasattr(self, "engine"):
            self.guard.target.crash_at = None
            self.guard.executor().reconcile()
            self.guard_holds()
            assert verify_log(self.engine).ok
            self.engine.dispose()
            self.directory.cleanup()

    @rule(target=requests, requester=st.sampled_from(["agent:incident", ALICE.id]))
    def ask(self, requester: str) -> str:
        asked = proposal(self.clock, revision=self.guard.target.revision, requested_by=requester)
        request = self.guard.approvals.request(asked)
        assert request.status == "pending"
        self.requested_by[request.id] = requester
        return request.id

    @rule(target=requests)
    def ask_and_approve(self) -> str:
        """The way it mostly goes, so that the machine spends its steps on what comes after."""
        request_id = self.ask(requester="agent:incident")
        self.decide(request_id=request_id, who=BOB, verdict="approve")
        return request_id

    @rule(request_id=requests, who=st.sampled_from(PEOPLE), verdict=st.sampled_from(["approve", "reject"]))
    def decide(self, request_id: str, who: Principal, verdict: Any) -> None:
        before = self.guard.approvals.get(request_id)
        try:
            after = self.guard.approvals.decide(request_id, who, verdict, reason="not now", channel="console")
        except (Conflict, Forbidden):
            assert self.guard.approvals.get(request_id).decisions == before.decisions
            return
        assert before.status == "pending"
        assert self.clock.now() < before.expires_at
        assert who.id in MAY
        if verdict == "approve":
            assert after.status == "approved"
            assert not self.switch
            assert who.id != self.requested_by[request_id]
            self.approved_at[request_id] = self.clock.now()
        else:
            assert after.status == "rejected"

    @rule(request_id=requests, crash=st.sampled_from([None, "before", "after"]))
    def execute(self, request_id: str, crash: str | None) -> None:
        effects = self.guard.target.effects
        self.guard.target.crash_at = crash
        try:
            execution = self.guard.executor().execute(request_id)
            assert execution.status in ("succeeded", "failed", "unknown")
        except (Conflict, Forbidden):
            assert self.guard.target.effects == effects
        except Killed:
            pass
        finally:
            self.guard.target.crash_at = None
        if self.guard.target.effects > effects:
            assert self.guard.target.effects == effects + 1
            assert not self.switch
            assert self.clock.now() < self.approved_at[request_id] + timedelta(minutes=30)

    @rule(silence=st.booleans())
    def reconcile(self, silence: bool) -> None:
        self.guard.target.lose_answers = silence
        self.guard.executor().reconcile()
        self.guard.target.lose_answers = False

    @rule(minutes=st.sampled_from([1, 31]))
    def wait(self, minutes: int) -> None:
        self.clock.advance(timedelta(minutes=minutes))

    @rule()
    def expire(self) -> None:
        self.guard.approvals.expire_due()

    @rule()
    def somebody_else_changes_the_target(self) -> None:
        self.guard.target.revision += 1

    @rule(on=st.booleans())
    def switch_everything(self, on: bool) -> None:
        self.guard.approvals.set_kill_switch(on, BOB, "because")
        self.switch = on

    @invariant()
    def guard_holds(self) -> None:
        if not hasattr(self, "engine"):
            return
        entries = [entry.record for entry in self.guard.log.entries()]
        started = [entry.payload["approval_id"] for entry in entries if entry.action == "action.started"]
        assert len(started) == len(set(started)), "an approval is executed once"
        assert set(started) <= set(self.approved_at), "only what a person approved"
        assert self.guard.target.effects <= len(started), "no effect without action.started before it"
        succeeded = [entry.subject for entry in entries if entry.action == "action.succeeded"]
        assert len(succeeded) == len(set(succeeded)) <= self.guard.target.effects
        for request in self.guard.approvals.for_incident("inc_1"):
            final = self.final.get(request.id)
            assert final is None or request.status == final, "what is closed stays closed"
            if request.status in ("rejected", "expired", "claimed"):
                self.final[request.id] = request.status


GuardedPath.TestCase.settings = settings(
    max_examples=30, stateful_step_count=12, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
TestGuardedPath = GuardedPath.TestCase
