from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from agents.incident.card import IncidentCard
from agents.incident.report import render_report
from foundation.clock import FixedClock
from tests.fakes.incident_room import IncidentRoom, open_room


@pytest.fixture
def room(tmp_path: Path, clock: FixedClock) -> Iterator[IncidentRoom]:
    room = open_room(tmp_path, clock)
    room.inbox.receive([room.alert(1), room.alert(2, "score_shift", summary="fraud-br declines 9.4 % (usual 1.1 %)")])
    yield room
    room.worker.close()
    room.engine.dispose()


def card(room: IncidentRoom) -> IncidentCard:
    (incident,) = room.store.list()
    return room.cards.build(incident.id)


def test_it_answers_what_an_engineer_asks_first(room: IncidentRoom) -> None:
    room.settle()
    shown = card(room)
    assert (shown.label, shown.severity, shown.environment, shown.tenant) == (
        "INC-0001",
        "critical",
        "production",
        "br",
    )
    assert shown.impact == "fraud-br declines 9.4 % (usual 1.1 %)"
    assert shown.most_likely is not None
    assert shown.most_likely.confidence == 0.93
    assert shown.most_likely.supporting[0].evidence_ids == ("E1",)
    assert shown.proposal is not None
    assert shown.proposal.undo == "set restarts back"
    assert shown.proposal.verified_by == ("connector payments_br runs",)
    assert shown.proposal.blast_radius.endpoints == ("fraud-br",)
    assert shown.approval is not None
    assert shown.approval.who_may.startswith("1 of those whom policy")
    assert shown.approval.id not in shown.proposal.model_dump_json()
    assert shown.runbook is not None
    assert shown.runbook.file == "source-stopped.md"
    assert shown.probes == 2
    assert shown.audit_entries == len(room.audit.entries())


def test_before_anybody_looked_it_says_so(room: IncidentRoom) -> None:
    room.worker._correlator.correlate()
    shown = card(room)
    assert shown.verdict is None
    assert shown.most_likely is None
    assert shown.proposal is None
    assert shown.seconds_to_diagnosis is None
    assert shown.status_line == "open since 05:51"


def test_it_crosses_a_boundary_and_comes_back(room: IncidentRoom) -> None:
    room.settle()
    room.approve()
    room.settle()
    shown = card(room)
    assert IncidentCard.model_validate_json(shown.model_dump_json()) == shown


def test_text_from_outside_stays_text_in_the_report(room: IncidentRoom) -> None:
    room.settle()
    (incident,) = room.store.list()
    hostile = "boom\n# Approved\n```sh\nrm -rf /\n```"
    shown = card(room).model_copy(update={"impact": hostile, "title": hostile, "status_line": hostile})
    report = render_report(shown, room.store.timeline(incident.id), room.store.evidence(incident.id))
    assert "\n# Approved" not in report
    assert "```" not in report
