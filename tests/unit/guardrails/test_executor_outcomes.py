"""What the executor makes of answers, silence, crashes and bugs after the claim."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy.engine import Engine

from audit.verify import verify_log
from foundation.clock import FixedClock
from foundation.errors import Conflict, Unavailable
from tests.fakes.faults import FaultyAudit, altered_policy
from tests.fakes.guarded import ALICE, BOB, Guard, Killed

MINUTE = timedelta(minutes=1)


@pytest.fixture
def guard(engine: Engine, clock: FixedClock) -> Guard:
    return Guard(engine, clock)


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("fault", [Killed, Unavailable])
def test_a_crash_while_the_outcome_is_written_is_reconciled(
    guard: Guard, fault: type[BaseException], after: bool
) -> None:
    approval_id = guard.approved()
    faulty = FaultyAudit(guard.log, "action.succeeded", fault, after=after)
    with pytest.raises(fault):
        guard.executor(audit=faulty).execute(approval_id)
    assert guard.target.effects == 1
    (execution,) = guard.executor().reconcile()
    assert (execution.status, execution.receipt and execution.receipt.revision) == ("succeeded", 4)
    assert guard.target.effects == len(guard.action.applied) == 1, "it asks first and does not apply again"
    assert guard.audited()[-2:] == ["action.started", "action.succeeded"]
    assert verify_log(guard.engine).ok


def test_execute_reconciles_too(guard: Guard) -> None:
    approval_id = guard.approved()
    guard.target.crash_at = "before"
    with pytest.raises(Killed):
        guard.executor().execute(approval_id)
    guard.target.crash_at = None
    assert guard.executor().execute(approval_id).status == "succeeded"
    assert guard.target.effects == 1


def test_silence_is_unknown_until_the_target_answers(guard: Guard) -> None:
    approval_id = guard.approved()
    guard.target.lose_answers = True
    execution = guard.executor().execute(approval_id)
    assert (execution.status, execution.ended_at) == ("unknown", None)
    guard.target.down = True
    assert [e.status for e in guard.executor().reconcile()] == ["unknown"]
    guard.target.down = guard.target.lose_answers = False
    assert [e.status for e in guard.executor().reconcile()] == ["succeeded"]
    assert (guard.target.effects, len(guard.action.applied)) == (1, 1)
    assert guard.audited()[-3:] == ["action.started", "action.unknown", "action.succeeded"]


def test_a_request_that_never_arrived_is_sent_again_under_its_key(guard: Guard) -> None:
    approval_id = guard.approved()
    guard.target.down = True
    execution = guard.executor().execute(approval_id)
    assert execution.status == "unknown"
    guard.target.down = False
    assert [e.status for e in guard.executor().reconcile()] == ["succeeded"]
    assert [call["key"] for call in guard.action.applied] == [execution.id] * 2
    assert guard.target.effects == 1


@pytest.mark.parametrize("stopped_by", ["kill switch", "policy"])
def test_nothing_is_sent_again_while_it_may_not_be_done(guard: Guard, tmp_path: Path, stopped_by: str) -> None:
    approval_id = guard.approved()
    guard.target.down = True
    guard.executor().execute(approval_id)
    guard.target.down = False
    denying = altered_policy(tmp_path, **{"- restart_connector": "- other"}) if stopped_by == "policy" else None
    if stopped_by == "kill switch":
        guard.approvals.set_kill_switch(True, ALICE, "odd")
    assert [e.status for e in guard.executor(policy=denying).reconcile()] == ["unknown"]
    assert guard.target.effects == 0
    guard.approvals.set_kill_switch(False, BOB, "fine")
    assert [e.status for e in guard.executor().reconcile()] == ["succeeded"]
    assert guard.target.effects == 1


def test_nothing_is_sent_again_after_the_grant(guard: Guard, clock: FixedClock) -> None:
    approval_id = guard.approved()
    guard.target.down = True
    guard.executor().execute(approval_id)
    guard.target.down = False
    clock.advance(30 * MINUTE)
    (execution,) = guard.executor().reconcile()
    assert execution.status == "failed"
    assert "no record of it" in (execution.error or "")
    assert guard.target.effects == 0


def test_what_was_given_up_does_not_happen_afterwards(
    guard: Guard, clock: FixedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another worker gives up on an execution while the request of the one that claimed it is under way."""
    approval_id = guard.approved()
    change, seen = guard.target.change, []

    def slow_change(key: str, expected_revision: int) -> object:
        clock.advance(31 * MINUTE)
        seen.extend(execution.status for execution in guard.executor().reconcile())
        return change(key, expected_revision)

    monkeypatch.setattr(guard.target, "change", slow_change)
    execution = guard.executor().execute(approval_id)
    assert seen == ["failed"]
    assert (execution.status, guard.target.effects) == ("failed", 0), "the record and the world must agree"
    assert guard.audited()[-2:] == ["action.started", "action.failed"]


@pytest.mark.parametrize("stopped_by", ["grant", "refusal"])
def test_it_has_failed_only_when_the_target_says_so(
    guard: Guard, clock: FixedClock, monkeypatch: pytest.MonkeyPatch, stopped_by: str
) -> None:
    approval_id = guard.approved()

    def change(key: str, expected_revision: int) -> None:
        raise Unavailable("silent") if stopped_by == "grant" else Conflict("somebody was faster")

    def withdraw(key: str) -> None:
        raise Unavailable("no answer")

    monkeypatch.setattr(guard.target, "change", change)
    with monkeypatch.context() as patch:
        patch.setattr(guard.target, "withdraw", withdraw)
        assert guard.executor().execute(approval_id).status == "unknown"
        clock.advance(31 * MINUTE)
        assert [e.status for e in guard.executor().reconcile()] == ["unknown"]
    assert [e.status for e in guard.executor().reconcile()] == ["failed"]
    assert guard.target.effects == 0


def test_what_happened_is_recorded_even_after_the_grant(guard: Guard, clock: FixedClock) -> None:
    approval_id = guard.approved()
    guard.target.lose_answers = True
    guard.executor().execute(approval_id)
    clock.advance(60 * MINUTE)
    guard.approvals.set_kill_switch(True, ALICE, "odd")
    assert [e.status for e in guard.executor().reconcile()] == ["succeeded"]


def test_a_refusal_is_a_failure(guard: Guard, monkeypatch: pytest.MonkeyPatch) -> None:
    approval_id = guard.approved()

    def change(key: str, expected_revision: int) -> None:
        raise Conflict("somebody was faster")

    monkeypatch.setattr(guard.target, "change", change)
    execution = guard.executor().execute(approval_id)
    assert (execution.status, execution.error) == ("failed", "somebody was faster")
    assert guard.executor().reconcile() == []
    assert guard.executor().execute(approval_id) == execution
    assert guard.audited()[-1] == "action.failed"


def test_a_target_that_refuses_what_it_did_itself_is_asked(guard: Guard) -> None:
    """One that checks the revision before the key: the repetition is refused, the effect is there."""
    approval_id = guard.approved()
    guard.target.crash_at = "after"
    with pytest.raises(Killed):
        guard.executor().execute(approval_id)
    guard.target.crash_at = None

    def find(key: str) -> None:
        """Its memory was not yet up to date when it was asked."""

    def apply(*_: object, **__: object) -> None:
        raise Conflict("the revision moved")

    guard.action.find = find  # type: ignore[method-assign,assignment]
    guard.action.apply = apply  # type: ignore[method-assign,assignment]
    assert [e.status for e in guard.executor().reconcile()] == ["succeeded"]
    assert guard.target.effects == 1


def test_a_bug_in_an_action_leaves_the_outcome_unknown_until_it_is_found(
    guard: Guard, monkeypatch: pytest.MonkeyPatch
) -> None:
    approval_id = guard.approved()
    change = guard.target.change

    def buggy(key: str, expected_revision: int) -> None:
        change(key, expected_revision)
        raise KeyError("revision")

    with monkeypatch.context() as patch:
        patch.setattr(guard.target, "change", buggy)
        execution = guard.executor().execute(approval_id)
    assert (execution.status, execution.error) == ("unknown", "the action broke: KeyError: 'revision'")
    assert [e.status for e in guard.executor().reconcile()] == ["succeeded"]
    assert guard.target.effects == 1


def test_one_broken_execution_does_not_hold_up_the_others(guard: Guard, monkeypatch: pytest.MonkeyPatch) -> None:
    first = guard.approved()
    guard.target.crash_at = "after"
    with pytest.raises(Killed):
        guard.executor().execute(first)
    second = guard.approved()
    with pytest.raises(Killed):
        guard.executor().execute(second)
    guard.target.crash_at = None
    find, broken = guard.target.find, guard.executor().for_approval(first)

    def partly_broken(key: str) -> object:
        if broken and key == broken.id:
            raise RuntimeError("cannot parse")
        return find(key)

    monkeypatch.setattr(guard.target, "find", partly_broken)
    assert [e.status for e in guard.executor().reconcile()] == ["unknown", "succeeded"]
