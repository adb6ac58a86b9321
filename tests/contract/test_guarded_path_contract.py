"""Approvals and the executor on every database: races have one winner, and an effect happens once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from audit.verify import verify_log
from foundation.clock import FixedClock
from foundation.errors import Conflict, VigiaError
from guardrails.approvals.tables import approval_requests
from guardrails.executor import executor as executor_module
from guardrails.executor.tables import executions
from tests.fakes.fresh_database import KINDS, fresh_database
from tests.fakes.guarded import ALICE, BOB, FakeTarget, Guard, Killed, person, proposal

MINUTE = timedelta(minutes=1)


@pytest.fixture(params=KINDS)
def guard(request: pytest.FixtureRequest, tmp_path: Path, clock: FixedClock) -> Iterator[Guard]:
    with fresh_database(request.param, tmp_path) as engine:
        yield Guard(engine, clock)


def race(*calls: Callable[[], Any]) -> list[Any]:
    """What each call returned or raised, all started at once."""

    def run(call: Callable[[], Any]) -> Any:
        try:
            return call()
        except VigiaError as error:
            return error

    with ThreadPoolExecutor(len(calls)) as pool:
        return [future.result() for future in [pool.submit(run, call) for call in calls]]


def test_from_request_to_effect(guard: Guard) -> None:
    execution = guard.executor().execute(guard.approved())
    assert (execution.status, guard.target.effects) == ("succeeded", 1)
    assert execution.receipt is not None
    assert execution.receipt.revision == 4
    assert guard.executor().for_approval(execution.approval_id) == execution
    assert guard.audited() == ["approval.requested", "approval.granted", "action.started", "action.succeeded"]
    assert guard.approvals.get(execution.approval_id).status == "claimed"
    assert verify_log(guard.engine).ok


def test_one_of_many_deciders_wins(guard: Guard) -> None:
    request = guard.approvals.request(proposal(guard.clock))
    people = [person(f"p{number}", "oncall") for number in range(8)]
    outcomes = race(
        *(
            lambda who=who, verdict=("approve", "reject")[number % 2]: guard.approvals.decide(
                request.id, who, verdict, reason="not now", channel="http"
            )
            for number, who in enumerate(people)
        )
    )
    losers = [outcome for outcome in outcomes if isinstance(outcome, Conflict)]
    assert len(losers) == 7, outcomes
    final = guard.approvals.get(request.id)
    (decision,) = final.decisions
    verb = "approved" if decision.verdict == "approve" else "rejected"
    assert final.status == verb
    at = decision.decided_at.isoformat()
    assert {loser.message for loser in losers} == {
        f"{request.id} was already {verb} by {decision.principal_id} at {at}"
    }
    assert guard.audited()[1:] == ["approval.granted" if verb == "approved" else "approval.rejected"]


def test_many_threads_of_one_executor_act_once(guard: Guard) -> None:
    approval_id, executor = guard.approved(), guard.executor()
    outcomes = race(*([lambda: executor.execute(approval_id)] * 8))
    assert guard.target.effects == 1
    assert len({outcome.id for outcome in outcomes}) == 1, outcomes
    assert len(guard.action.applied) == 1, "inside one process not even the same key is sent twice"
    assert guard.audited().count("action.started") == guard.audited().count("action.succeeded") == 1


def test_many_processes_act_once(guard: Guard) -> None:
    approval_id = guard.approved()
    executors = [guard.executor() for _ in range(8)]
    outcomes = race(*(lambda executor=executor: executor.execute(approval_id) for executor in executors))
    assert guard.target.effects == 1
    assert len({outcome.id for outcome in outcomes}) == 1, outcomes
    assert {call["key"] for call in guard.action.applied} == {outcomes[0].id}
    assert guard.executor().execute(approval_id).status == "succeeded"
    assert guard.audited().count("action.started") == guard.audited().count("action.succeeded") == 1
    assert verify_log(guard.engine).ok


def test_without_the_claim_the_same_race_acts_many_times(guard: Guard, monkeypatch: pytest.MonkeyPatch) -> None:
    """The positive control: the guard taken out, a target that checks nothing, and the attack works."""
    approval_id = guard.approved()
    guard.target = guard.action.target = FakeTarget(deduplicates=False, checks_revision=False)
    monkeypatch.setattr(executor_module.Executor, "for_approval", lambda self, approval_id: None)
    monkeypatch.setattr("guardrails.executor.claiming.Claims.take", lambda self, execution, request: True)
    monkeypatch.setattr(executor_module.Executor, "_settle", lambda self, execution, *_, **__: execution)
    executors = [guard.executor() for _ in range(8)]
    # void() would notice the moved revision: the attackers all planned before anybody acted
    monkeypatch.setattr("guardrails.executor.checks.require_same_target", lambda action, request: None)
    race(*(lambda executor=executor: executor.execute(approval_id) for executor in executors))
    assert guard.target.effects == 8


def test_the_claim_alone_is_enough(guard: Guard, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same careless target and the same race, with the claim in place: nobody else applies at all."""
    approval_id = guard.approved()
    guard.target = guard.action.target = FakeTarget(deduplicates=False, checks_revision=False)
    monkeypatch.setattr(executor_module.Executor, "for_approval", lambda self, approval_id: None)
    monkeypatch.setattr("guardrails.executor.checks.require_same_target", lambda action, request: None)
    executors = [guard.executor() for _ in range(8)]
    outcomes = race(*(lambda executor=executor: executor.execute(approval_id) for executor in executors))
    assert guard.target.effects == 1
    assert sum(isinstance(outcome, Conflict) for outcome in outcomes) == 7


def test_expiry_and_execution_race_has_one_winner(guard: Guard, clock: FixedClock) -> None:
    approval_id = guard.approved()
    clock.advance(30 * MINUTE)
    outcomes = race(
        lambda: guard.executor().execute(approval_id), guard.approvals.expire_due, guard.approvals.expire_due
    )
    assert isinstance(outcomes[0], Conflict)
    assert guard.target.effects == 0
    assert guard.approvals.get(approval_id).status == "expired"
    assert guard.audited().count("approval.expired") == 1


def test_the_kill_switch_and_its_race(guard: Guard) -> None:
    approval_id = guard.approved()
    assert not guard.approvals.kill_switch()
    switch = guard.approvals.set_kill_switch(True, ALICE, "something is odd")
    assert switch
    assert guard.approvals.kill_switch() == switch
    waiting = guard.approvals.request(proposal(guard.clock))
    with pytest.raises(Conflict, match="kill switch is engaged by human:alice"):
        guard.approvals.decide(waiting.id, BOB, "approve", channel="cli")
    with pytest.raises(Conflict, match="something is odd"):
        guard.executor().execute(approval_id)
    assert guard.target.effects == 0
    assert guard.approvals.decide(waiting.id, BOB, "reject", reason="not now", channel="cli").status == "rejected"
    guard.approvals.set_kill_switch(False, BOB, "all clear")
    assert guard.executor().execute(approval_id).status == "succeeded"


def test_the_database_holds_one_execution_per_approval(guard: Guard) -> None:
    execution = guard.executor().execute(guard.approved())
    row = {"id": "exe_2", "idempotency_key": "exe_2", "approval_id": execution.approval_id, "incident_id": "i"}
    insert = sa.insert(executions).values(**row, status="started", started_at=guard.clock.now())
    with pytest.raises(sa.exc.IntegrityError), guard.engine.begin() as connection:
        connection.execute(insert)


def test_two_of_three_must_agree(guard: Guard) -> None:
    request = guard.approvals.request(proposal(guard.clock))
    with guard.engine.begin() as connection:
        connection.execute(sa.update(approval_requests).values(approvers_needed=2))
    people = [person(f"p{number}", "oncall") for number in range(4)]
    outcomes = race(
        *(lambda who=who: guard.approvals.decide(request.id, who, "approve", channel="http") for who in people * 2)
    )
    assert sorted(getattr(outcome, "status", "lost") for outcome in outcomes) == ["approved"] + ["lost"] * 6 + [
        "pending"
    ]
    final = guard.approvals.get(request.id)
    assert (final.status, len({made.principal_id for made in final.decisions})) == ("approved", 2)


@pytest.mark.parametrize("point", ["before", "after", "find"])
def test_a_killed_process_is_reconciled_to_one_effect(guard: Guard, point: str) -> None:
    approval_id = guard.approved()
    guard.target.crash_at = "after" if point == "find" else point
    with pytest.raises(Killed):
        guard.executor().execute(approval_id)
    if point == "find":
        guard.target.crash_at = "find"
        with pytest.raises(Killed):
            guard.executor().reconcile()
    guard.target.crash_at = None
    (execution,) = guard.executor().reconcile()
    assert (execution.status, guard.target.effects) == ("succeeded", 1)
    assert guard.executor().reconcile() == []
    assert guard.audited()[-2:] == ["action.started", "action.succeeded"]
