"""The flow from alert to verified change, in one process with time in the test's hand."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from agents.incident.tables import leases
from audit.verify import verify_log
from foundation.clock import FixedClock, SystemClock
from foundation.database import reading
from foundation.errors import Conflict
from tests.fakes.incident_room import ALICE, IncidentRoom, open_room


@pytest.fixture
def room(tmp_path: Path, clock: FixedClock) -> Iterator[IncidentRoom]:
    room = open_room(tmp_path, clock)
    yield room
    room.engine.dispose()


def kinds(room: IncidentRoom) -> list[str]:
    """Of the first incident."""
    first = min(room.store.list(), key=lambda incident: incident.number)
    return [event.kind for event in room.store.timeline(first.id)]


def test_from_alert_to_a_verified_audited_change(room: IncidentRoom) -> None:
    room.inbox.receive([room.alert(1), room.alert(2, "volume")])
    room.settle()

    (incident,) = room.store.list()
    assert incident.status == "awaiting_approval"
    assert incident.title == "connector payments_br stopped"
    assert [piece.id for piece in room.store.evidence(incident.id)] == ["E1", "E2"]
    assert room.target.read()["changes"] == 0
    assert room.notifier.cards[-1].status_line == "waiting for approval until 06:21"

    room.approve()
    room.settle()

    (incident,) = room.store.list()
    assert (incident.status, incident.outcome) == ("mitigated", "mitigated")
    assert room.target.read()["changes"] == 1
    card = room.notifier.cards[-1]
    assert card.verification is not None
    assert card.verification.verified
    assert card.status_line.startswith("approved by human:alice 05:51 · executed 05:51:00 · verified 05:51 (connector")
    assert card.proposal is not None
    assert card.proposal.diff == ("restarts: 0 -> 1",)
    assert card.runbook is not None
    assert (card.runbook.worked, card.runbook.tried) == (1, 1)
    assert card.seconds_to_diagnosis is not None
    assert card.model_used is None
    report = (room.directory / "reports" / "INC-0001.md").read_text()
    assert "connector payments_br stopped" in report
    assert "action.verified" in report
    assert kinds(room) == [
        "incident.opened",
        "incident.investigating",
        "evidence.collected",
        "diagnosis.made",
        "incident.awaiting_approval",
        "approval.approved",
        "incident.mitigating",
        "action.succeeded",
        "action.verified",
        "runbook.updated",
        "incident.mitigated",
    ]
    assert verify_log(room.engine).ok
    actions = [entry.record.action for entry in room.audit.entries()]
    assert actions.index("action.started") < actions.index("action.succeeded") < actions.index("action.verified")


def test_a_rejected_proposal_changes_nothing(room: IncidentRoom) -> None:
    room.inbox.receive([room.alert()])
    room.settle()
    (request,) = room.approvals.pending()
    room.approvals.decide(request.id, ALICE, "reject", reason="on it myself", channel="slack")
    room.settle()

    (incident,) = room.store.list()
    assert (incident.status, incident.outcome) == ("investigating", "rejected")
    assert room.target.read()["changes"] == 0
    line = room.notifier.cards[-1].status_line
    assert line == "rejected by human:alice 05:51 (on it myself), nothing was run"


def test_an_expired_proposal_changes_nothing(room: IncidentRoom, clock: FixedClock) -> None:
    room.inbox.receive([room.alert()])
    room.settle()
    clock.advance(timedelta(minutes=31))
    room.settle()

    (incident,) = room.store.list()
    assert (incident.status, incident.outcome) == ("investigating", "expired")
    assert room.target.read()["changes"] == 0
    assert room.notifier.cards[-1].status_line == "expired 06:21, nothing was run"


def test_inconclusive_evidence_makes_no_proposal_until_a_new_sign_comes(room: IncidentRoom) -> None:
    room.triage.verdict = "inconclusive"
    room.inbox.receive([room.alert()])
    room.settle()

    (incident,) = room.store.list()
    assert (incident.status, incident.outcome) == ("investigating", "inconclusive")
    card = room.notifier.cards[-1]
    assert card.proposal is None
    assert card.look_next == ("the connector's own log",)

    room.inbox.receive([room.alert(2)])
    room.settle()
    assert room.triage.gathered == 1, "the same sign again tells nothing new"

    room.triage.verdict = "cause"
    room.inbox.receive([room.alert(3, "volume")])
    room.settle()
    (incident,) = room.store.list()
    assert (incident.status, incident.outcome) == ("awaiting_approval", None)
    assert [piece.id for piece in room.store.evidence(incident.id, round_number=2)] == ["E3", "E4"]


def test_no_fault_without_a_proposal_is_over(room: IncidentRoom) -> None:
    room.triage.verdict = "no_fault"
    room.inbox.receive([room.alert()])
    room.settle()
    (incident,) = room.store.list()
    assert (incident.status, incident.outcome) == ("resolved", "no_action")


def test_a_target_that_moved_is_looked_at_and_proposed_anew(room: IncidentRoom) -> None:
    room.inbox.receive([room.alert()])
    room.settle()
    room.target.set(revision=8)
    room.approve()
    room.settle()

    assert room.target.read()["changes"] == 0
    (request,) = room.approvals.pending()
    assert request.proposal.plan.target_revision == 8
    room.approve()
    room.settle()
    (incident,) = room.store.list()
    assert incident.outcome == "mitigated"
    assert room.target.read()["changes"] == 1
    assert "proposal.voided" in kinds(room)


def test_a_target_that_never_stands_still_ends_with_a_person(room: IncidentRoom) -> None:
    room.inbox.receive([room.alert()])
    room.settle()
    for revision in range(8, 20):
        room.target.set(revision=revision)
        room.approve()
        room.settle()
    (incident,) = room.store.list()
    assert (incident.status, incident.outcome) == ("investigating", "failed")
    assert room.triage.gathered == 5
    assert room.target.read()["changes"] == 0


def settle_through_verification(room: IncidentRoom, clock: FixedClock) -> None:
    """Look after look until the time that the change was given is over."""
    for _ in range(5):
        room.settle()
        clock.advance(timedelta(seconds=15))
        now = room.worker._leases._wall() + 15
        room.worker._leases._wall = lambda now=now: now


def test_what_did_not_work_is_undone_only_with_an_approval_of_its_own(room: IncidentRoom, clock: FixedClock) -> None:
    room.target.set(healed_by_restart=False)
    room.inbox.receive([room.alert()])
    room.settle()
    room.approve()
    settle_through_verification(room, clock)

    (incident,) = room.store.list()
    assert incident.status == "awaiting_approval"
    card = room.notifier.cards[-1]
    assert card.proposal is not None
    assert card.proposal.purpose == "compensation"
    assert card.proposal.diff == ("restarts: 1 -> 0",)
    assert room.target.read()["changes"] == 1

    room.approve()
    settle_through_verification(room, clock)
    (incident,) = room.store.list()
    assert (incident.status, incident.outcome) == ("investigating", "failed")
    assert room.target.read()["restarts"] == 0
    runbook = room.runbooks.find("source_stopped")
    assert runbook is not None
    assert (runbook.head.worked, runbook.head.failed) == (0, 1)


def test_a_lost_answer_is_asked_for_and_not_repeated(room: IncidentRoom) -> None:
    now = [1000.0]
    room.worker._leases._wall = lambda: now[0]
    room.inbox.receive([room.alert()])
    room.settle()
    room.action.silent = True
    room.approve()
    room.settle()
    (incident,) = room.store.list()
    assert incident.status == "mitigating"
    assert "step.failed" in kinds(room)

    room.action.silent = False
    now[0] += 60
    room.settle()
    (incident,) = room.store.list()
    assert incident.outcome == "mitigated"
    assert room.target.read()["changes"] == 1


def test_a_failing_chat_does_not_hold_the_work_and_is_told_later(room: IncidentRoom) -> None:
    room.notifier.fail_next = 1
    room.inbox.receive([room.alert()])
    room.worker.step()
    (incident,) = room.store.list()
    assert incident.status == "awaiting_approval"
    assert room.notifier.cards == []
    room.worker._announcer._failures.clear()
    room.worker.step()
    assert room.notifier.cards[-1].status == "awaiting_approval"


def test_an_illegal_transition_is_refused(room: IncidentRoom) -> None:
    room.inbox.receive([room.alert()])
    room.settle()
    (incident,) = room.store.list()
    with pytest.raises(Conflict, match="cannot become mitigated"):
        room.store.transition(incident.id, "mitigated", key="x", text="x")
    assert "incident.mitigated" not in kinds(room)


def test_a_verification_that_takes_long_holds_neither_thread_nor_lease(tmp_path: Path) -> None:
    room = open_room(tmp_path, SystemClock(), threads=1)
    room.target.set(healed_by_restart=False)
    room.inbox.receive([room.alert()])
    room.settle()
    room.approve()
    stop = threading.Event()
    working = threading.Thread(target=room.worker.run, args=(stop,))
    working.start()
    try:
        until(lambda: "action.succeeded" in kinds(room))
        # The only thread is free for another incident, though the first may take 60 s to be verified.
        room.inbox.receive([room.alert(2, "volume", subject="urn:vigia:source:other_a")])
        until(lambda: len(room.approvals.pending()) == 1)
    finally:
        stop.set()
        working.join(timeout=10)
    assert not working.is_alive(), "a worker that is told to stop stops"
    with reading(room.engine) as connection:
        assert connection.scalars(sa.select(leases.c.owner)).all() == [None, None]
    room.engine.dispose()


def until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not true():
        assert time.monotonic() < deadline, "not in time"
        time.sleep(0.05)
