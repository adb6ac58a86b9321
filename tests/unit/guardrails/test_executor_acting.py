"""What the executor checks at the last moment before an effect."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine

from audit.entry import AuditRecord
from foundation.clock import FixedClock
from foundation.errors import Conflict, Forbidden, InvalidInput, NotFound, Unavailable
from guardrails.approvals.tables import approval_requests, decisions
from guardrails.executor.errors import TargetMoved
from guardrails.proposal import PlannedChange
from platform_core.access.principals import Principal
from tests.fakes.faults import FaultyAudit, altered_policy
from tests.fakes.guarded import ALICE, BOB, Guard, Killed, person, proposal

MINUTE = timedelta(minutes=1)


@pytest.fixture
def guard(engine: Engine, clock: FixedClock) -> Guard:
    return Guard(engine, clock)


def test_the_target_is_told_who_and_why(guard: Guard) -> None:
    approval_id = guard.approved()
    execution = guard.executor().execute(approval_id)
    (call,) = guard.action.applied
    assert call["key"] == execution.id
    assert call["actor"] == "service:worker"
    assert call["reason"] == f"{approval_id}, approved by human:alice"
    started = guard.log.entries()[2].record
    assert (started.action, started.subject, started.tenant) == ("action.started", execution.id, "br")
    assert started.payload["approved_by"] == ["human:alice"]


def test_a_second_call_returns_the_first_outcome(guard: Guard) -> None:
    approval_id = guard.approved()
    first = guard.executor().execute(approval_id)
    assert guard.executor().execute(approval_id) == first
    assert guard.target.effects == len(guard.action.applied) == 1


def test_only_what_is_approved_is_executed(guard: Guard, clock: FixedClock) -> None:
    request = guard.approvals.request(proposal(clock))
    with pytest.raises(Conflict, match="is pending"):
        guard.executor().execute(request.id)
    guard.approvals.decide(request.id, BOB, "reject", reason="not now", channel="cli")
    with pytest.raises(Conflict, match="is rejected"):
        guard.executor().execute(request.id)
    with pytest.raises(NotFound):
        guard.executor().execute("apr_nothing")
    assert guard.target.effects == 0


def test_a_grant_that_ran_out_is_not_executed_even_before_it_is_closed(guard: Guard, clock: FixedClock) -> None:
    approval_id = guard.approved()
    clock.advance(30 * MINUTE)
    with pytest.raises(Conflict, match="grant ran out"):
        guard.executor().execute(approval_id)
    assert guard.target.effects == 0


def test_a_target_that_moved_voids_the_approval(guard: Guard) -> None:
    approval_id = guard.approved()
    guard.target.revision = 4
    with pytest.raises(TargetMoved, match=r"revision 4.*approved for revision 3"):
        guard.executor().execute(approval_id)
    assert guard.approvals.get(approval_id).status == "expired"
    assert guard.audited()[-1] == "approval.voided"
    guard.target.revision = 3
    with pytest.raises(Conflict, match="is expired"):
        guard.executor().execute(approval_id)
    assert guard.target.effects == 0


@pytest.mark.parametrize("error", [Conflict("already running"), NotFound("gone"), InvalidInput("no such field")])
def test_a_plan_that_is_no_longer_possible_voids_too(
    guard: Guard, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    approval_id = guard.approved()

    def plan(arguments: object) -> None:
        raise error

    monkeypatch.setattr(guard.action, "plan", plan)
    with pytest.raises(TargetMoved, match="no longer applies"):
        guard.executor().execute(approval_id)
    assert guard.approvals.get(approval_id).status == "expired"


@pytest.mark.parametrize(("attribute", "value"), [("tenant", "ar"), ("tier", "costly"), ("environment", "staging")])
def test_a_plan_for_something_else_voids_too(guard: Guard, attribute: str, value: str) -> None:
    approval_id = guard.approved()
    setattr(guard.action, attribute, value)
    with pytest.raises(TargetMoved):
        guard.executor().execute(approval_id)
    assert guard.target.effects == 0


def test_the_diff_that_runs_is_the_diff_that_was_shown(guard: Guard, monkeypatch: pytest.MonkeyPatch) -> None:
    """Same arguments, same revision, same digest: another release of the action plans something else."""
    approval_id = guard.approved()
    shown = guard.action.plan({})
    other = shown.model_copy(update={"changes": (PlannedChange(field="desired", before="running", after="paused"),)})
    monkeypatch.setattr(guard.action, "plan", lambda arguments: other)
    with pytest.raises(TargetMoved, match="otherwise than was shown"):
        guard.executor().execute(approval_id)
    assert guard.approvals.get(approval_id).status == "expired"
    assert guard.target.effects == 0


def test_an_unreachable_planner_leaves_the_approval_as_it_is(guard: Guard, monkeypatch: pytest.MonkeyPatch) -> None:
    approval_id = guard.approved()

    def plan(arguments: object) -> None:
        raise Unavailable("no answer")

    with monkeypatch.context() as patch:
        patch.setattr(guard.action, "plan", plan)
        with pytest.raises(Unavailable):
            guard.executor().execute(approval_id)
    assert guard.executor().execute(approval_id).status == "succeeded"


def test_todays_policy_counts(guard: Guard, tmp_path: Path) -> None:
    approval_id = guard.approved()
    stricter = altered_policy(tmp_path, **{"approvers_needed: 1": "approvers_needed: 2"})
    with pytest.raises(Forbidden, match="wants 2 approvals"):
        guard.executor(policy=stricter).execute(approval_id)
    denying = altered_policy(tmp_path, **{"- restart_connector": "- other"})
    with pytest.raises(Forbidden, match="policy denies restart_connector now"):
        guard.executor(policy=denying).execute(approval_id)
    assert guard.target.effects == 0
    assert guard.approvals.get(approval_id).status == "approved"


@pytest.mark.parametrize(
    ("today", "says"),
    [
        (None, "nobody is known as 'human:alice'"),
        (person("alice", "responder"), "human:alice has none of the roles"),
        (person("alice", "oncall", tenants=frozenset({"ar"})), "may not act for tenant br"),
    ],
)
def test_an_approver_who_may_no_longer_decide_does_not_count(guard: Guard, today: Principal | None, says: str) -> None:
    approval_id = guard.approved()
    guard.people[ALICE.id] = today
    with pytest.raises(Forbidden, match=f"has 0; .*{says}"):
        guard.executor().execute(approval_id)
    assert guard.target.effects == 0


@pytest.mark.parametrize("told", [False, True])
def test_an_approval_that_the_log_does_not_know_is_none(guard: Guard, clock: FixedClock, told: bool) -> None:
    """Somebody with the database's password makes a row say `approved`, and an entry about something else."""
    request = guard.approvals.request(proposal(clock))
    with guard.engine.begin() as connection:
        until = clock.now() + 30 * MINUTE
        connection.execute(sa.update(approval_requests).values(status="approved", approvals=1, grant_expires_at=until))
        row = {"request_id": request.id, "principal_id": ALICE.id, "verdict": "approve", "channel": "http"}
        connection.execute(sa.insert(decisions).values(**row, decided_at=clock.now()))
    if told:
        payload = {"digest": "that of another proposal"}
        about = {"subject": request.id, "incident_id": "inc_1", "payload": payload}
        guard.log.append(AuditRecord(action="approval.granted", actor=ALICE.id, **about))
    with pytest.raises(Forbidden, match="knows nothing of an approval by human:alice"):
        guard.executor().execute(request.id)
    assert guard.target.effects == 0
    assert "action.started" not in guard.audited()


def test_a_policy_that_now_wants_another_role_counts(guard: Guard, tmp_path: Path) -> None:
    approval_id = guard.approved()
    stricter = altered_policy(tmp_path, **{"[oncall, approver, admin]": "[approver, admin]"})
    with pytest.raises(Forbidden, match="human:alice has none of the roles"):
        guard.executor(policy=stricter).execute(approval_id)
    assert guard.target.effects == 0


def test_what_policy_allowed_by_itself_is_not_an_approval_by_a_person(
    guard: Guard, clock: FixedClock, tmp_path: Path
) -> None:
    guard.action.environment = "staging"
    request = guard.approvals.request(proposal(clock, environment="staging"))
    asking = altered_policy(tmp_path, **{"environments: [production]": "environments: [staging, production]"})
    with pytest.raises(Forbidden, match="wants 1 approvals"):
        guard.executor(policy=asking).execute(request.id)
    assert guard.executor().execute(request.id).status == "succeeded"


def test_a_tool_without_an_action(guard: Guard) -> None:
    approval_id = guard.approved()
    guard.action.name = "another"
    with pytest.raises(Forbidden, match="no action 'restart_connector'"):
        guard.executor().execute(approval_id)


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("fault", [Killed, Unavailable])
def test_what_cannot_be_audited_is_not_done(guard: Guard, fault: type[BaseException], after: bool) -> None:
    approval_id = guard.approved()
    faulty = FaultyAudit(guard.log, "action.started", fault, after=after)
    with pytest.raises(fault):
        guard.executor(audit=faulty).execute(approval_id)
    assert guard.action.applied == []
    assert guard.approvals.get(approval_id).status == "approved"
    assert guard.audited()[-1] == "approval.granted"
    assert guard.executor().execute(approval_id).status == "succeeded"
    assert guard.target.effects == 1
