"""Alerts that join before the decision are looked at; after it nothing is started over."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from agents.incident.correlation import CorrelationRules
from audit.verify import verify_log
from foundation.clock import FixedClock
from foundation.errors import Conflict
from guardrails.approvals.types import ApprovalRequest
from platform_core.monitoring.alert import AlertKind
from tests.fakes.incident_room import ALICE, IncidentRoom, open_room

KINDS: tuple[AlertKind, ...] = ("volume", "nulls", "drift", "score_shift", "job_failure")


class Desk:
    """The room with its wall in the test's hand."""

    def __init__(self, directory: Path, clock: FixedClock) -> None:
        self.now = 1000.0
        rules = CorrelationRules(settle=timedelta(seconds=30))
        self.room: IncidentRoom = open_room(directory, clock, wall=lambda: self.now, rules=rules, lease_seconds=60)

    def told(self, number: int, kind: AlertKind = "freshness") -> None:
        self.room.inbox.receive([self.room.alert(number, kind)])
        self.room.settle()

    def later(self, seconds: float = 30.0) -> None:
        self.now += seconds
        self.room.settle()

    @property
    def request(self) -> ApprovalRequest:
        (request,) = self.room.approvals.pending()
        return request

    @property
    def line(self) -> str:
        return self.room.notifier.cards[-1].status_line

    @property
    def kinds(self) -> list[str]:
        (incident,) = self.room.store.list()
        return [event.kind for event in self.room.store.timeline(incident.id)]


@pytest.fixture
def desk(tmp_path: Path, clock: FixedClock) -> Iterator[Desk]:
    desk = Desk(tmp_path, clock)
    yield desk
    desk.room.engine.dispose()


def test_what_changes_nothing_leaves_the_request_as_it_was(desk: Desk) -> None:
    desk.told(1)
    asked = desk.request
    desk.told(2, "volume")
    assert desk.room.triage.gathered == 1, "alerts that come together are looked at together"
    desk.told(3, "nulls")
    desk.later()
    assert desk.room.triage.gathered == 2
    assert desk.request == asked
    assert desk.line == "looked at again 05:51, unchanged · waiting for approval until 06:21"
    assert desk.room.store.list()[0].status == "awaiting_approval"
    assert [piece.id for piece in desk.room.store.evidence(asked.proposal.incident_id)] == ["E1", "E2", "E3", "E4"]
    desk.room.approve()
    desk.later(0)
    (incident,) = desk.room.store.list()
    assert incident.outcome == "mitigated"
    assert desk.room.target.read()["changes"] == 1


def test_another_cause_supersedes_the_request(desk: Desk) -> None:
    desk.room.triage.telling = "job_failure"
    desk.told(1)
    asked = desk.request
    desk.told(2, "job_failure")
    desk.later()
    closed = desk.room.approvals.get(asked.id)
    assert (closed.status, closed.closed_reason) == (
        "expired",
        "superseded: by new evidence: materialization_stuck (0.93)",
    )
    assert desk.request.id != asked.id
    with pytest.raises(Conflict):
        desk.room.approvals.decide(asked.id, ALICE, "approve", channel="slack")
    card = desk.room.notifier.cards[-1]
    assert card.approval is not None
    assert (card.approval.id, card.title) == (desk.request.id, "rows of payments_br are not materialized")
    assert card.status_line == (
        "05:51 an earlier proposal was superseded by new evidence: source_stopped (0.93) before, "
        "materialization_stuck (0.93) now · waiting for approval until 06:21"
    )
    desk.room.approve()
    desk.later(0)
    assert desk.room.store.list()[0].outcome == "mitigated"
    assert desk.room.target.read()["changes"] == 1
    actions = [entry.record.action for entry in desk.room.audit.entries()]
    assert actions.count("approval.superseded") == 1
    assert actions.count("approval.requested") == 2
    assert verify_log(desk.room.engine).ok


def test_a_target_that_moved_meanwhile_is_proposed_anew(desk: Desk) -> None:
    desk.told(1)
    asked = desk.request
    desk.room.target.set(revision=8)
    desk.told(2, "volume")
    desk.later()
    assert desk.request.id != asked.id
    assert desk.request.proposal.plan.target_revision == 8


def test_evidence_that_carries_nothing_any_more_withdraws_the_request(desk: Desk) -> None:
    desk.told(1)
    asked = desk.request
    desk.room.triage.verdict = "inconclusive"
    desk.told(2, "volume")
    desk.later()
    assert desk.room.approvals.pending() == []
    (incident,) = desk.room.store.list()
    assert (incident.status, incident.outcome) == ("investigating", "inconclusive")
    assert desk.line == "superseded by new evidence: inconclusive, nothing was run"
    assert desk.room.approvals.get(asked.id).status == "expired"
    assert desk.room.target.read()["changes"] == 0


@pytest.mark.parametrize("verdict", ["approve", "reject"])
def test_after_the_decision_nothing_starts_over(desk: Desk, verdict: str) -> None:
    desk.room.triage.telling = "volume"
    desk.told(1)
    desk.room.approvals.decide(desk.request.id, ALICE, verdict, reason="not now", channel="cli")  # type: ignore[arg-type]
    desk.told(2, "volume")
    desk.later()
    assert desk.room.triage.gathered == 1
    assert desk.room.approvals.pending() == []
    assert desk.room.store.list()[0].outcome == ("mitigated" if verdict == "approve" else "rejected")


def test_a_decision_made_while_it_is_looked_at_stands(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.room.triage.telling = "volume"
    desk.told(1)
    asked, diagnose = desk.request, desk.room.triage.diagnose
    monkeypatch.setattr(desk.room.triage, "diagnose", lambda *args: (desk.room.approve(), diagnose(*args))[1])
    desk.told(2, "volume")
    desk.later()
    assert desk.room.approvals.get(asked.id).status == "claimed"
    assert desk.room.store.list()[0].outcome == "mitigated"
    assert desk.room.target.read()["changes"] == 1
    assert "approval.superseded" not in desk.kinds


def test_a_decision_between_the_look_and_the_closing_wins(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.room.triage.telling = "volume"
    desk.told(1)
    asked, propose = desk.request, desk.room.triage.propose
    monkeypatch.setattr(desk.room.triage, "propose", lambda *args: (desk.room.approve(), propose(*args))[1])
    desk.told(2, "volume")
    desk.later()
    assert desk.room.approvals.get(asked.id).status == "claimed"
    assert desk.room.target.read()["changes"] == 1
    card = desk.room.notifier.cards[-1]
    assert card.approval is not None
    assert card.approval.id == asked.id


def test_a_storm_is_looked_at_a_few_times_and_then_left_to_people(desk: Desk) -> None:
    desk.told(1)
    asked = desk.request
    for number, kind in enumerate(KINDS, 2):
        desk.told(number, kind)
        desk.later()
    assert desk.room.triage.gathered == 4
    assert desk.request == asked
    assert desk.kinds.count("investigation.left") == 1
    assert desk.kinds.count("diagnosis.confirmed") == 3


def test_what_joined_a_round_that_ended_without_it_begins_another(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """An alert joins after the evidence was read and before the outcome was written."""
    desk.room.triage.verdict = "inconclusive"
    diagnose = desk.room.triage.diagnose
    late: list[int] = [2]

    def joined_meanwhile(*args: object) -> object:
        if late:
            desk.room.inbox.receive([desk.room.alert(late.pop(), "volume")])
            desk.room.worker._correlator.correlate()
        return diagnose(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(desk.room.triage, "diagnose", joined_meanwhile)
    monkeypatch.setattr(desk.room.worker, "_monotonic", iter(range(0, 10_000, 10)).__next__)
    desk.told(1)
    desk.later()
    assert desk.room.triage.gathered == 2
    (incident,) = desk.room.store.list()
    assert (incident.outcome, desk.room.store.round_of(incident.id)) == ("inconclusive", 2)
