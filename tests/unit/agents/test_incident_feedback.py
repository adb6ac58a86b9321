from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from agents.incident.feedback import FeedbackDesk
from agents.incident.types import CauseRecord
from foundation.clock import FixedClock
from foundation.errors import Conflict, Forbidden, InvalidInput
from platform_core.access.principals import Principal
from tests.fakes.incident_room import ALICE, IncidentRoom, open_room


@pytest.fixture
def room(tmp_path: Path, clock: FixedClock) -> Iterator[IncidentRoom]:
    room = open_room(tmp_path, clock)
    room.inbox.receive([room.alert()])
    yield room
    room.engine.dispose()


def desk(room: IncidentRoom) -> FeedbackDesk:
    return FeedbackDesk(room.engine, room.clock, room.audit)


def test_the_last_word_of_each_person_counts(room: IncidentRoom) -> None:
    room.settle()
    (incident,) = room.store.list()
    bob = ALICE.model_copy(update={"id": "human:bob"})

    desk(room).record(incident.id, ALICE, correct=True)
    desk(room).record(incident.id, ALICE, correct=False, actual_cause="renamed_column", note="look at the schema")
    desk(room).record(incident.id, bob, correct=True)

    assert desk(room).per_cause() == {
        "source_stopped": CauseRecord(right=1, wrong=1),
        "renamed_column": CauseRecord(missed=1),
    }
    told = [event.text for event in room.store.timeline(incident.id) if event.kind == "verdict.recorded"]
    assert told[1] == "source_stopped is wrong, it was renamed_column"
    assert [e.record.action for e in room.audit.entries()].count("verdict.recorded") == 3


def test_there_must_be_something_to_judge(room: IncidentRoom) -> None:
    room.worker._correlator.correlate()
    (incident,) = room.store.list()
    with pytest.raises(Conflict, match="no diagnosis yet"):
        desk(room).record(incident.id, ALICE, correct=True)


@pytest.mark.parametrize(
    "principal",
    [
        Principal(id="agent:incident", name="agent", roles=frozenset({"admin"}), tenants=frozenset({"*"})),
        Principal(id="human:reader", name="R", roles=frozenset({"viewer"}), tenants=frozenset({"br"})),
        Principal(id="human:mexicana", name="M", roles=frozenset({"oncall"}), tenants=frozenset({"mx"})),
    ],
)
def test_only_a_person_of_the_tenant_judges(room: IncidentRoom, principal: Principal) -> None:
    room.settle()
    (incident,) = room.store.list()
    with pytest.raises(Forbidden):
        desk(room).record(incident.id, principal, correct=True)
    assert desk(room).per_cause() == {}


def test_the_real_cause_is_one_of_the_catalogue(room: IncidentRoom) -> None:
    room.settle()
    (incident,) = room.store.list()
    with pytest.raises(InvalidInput, match="not a known cause"):
        desk(room).record(incident.id, ALICE, correct=False, actual_cause="x" * 100)
    assert desk(room).per_cause() == {}
