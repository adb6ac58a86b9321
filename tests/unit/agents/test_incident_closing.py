"""When an incident is over, what brings it back, and what it must not forget."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from agents.incident.closing import Closer
from agents.incident.correlation import CorrelationRules
from agents.incident.repositories import incidents as incident_rows
from agents.incident.tables import incidents, leases
from foundation.clock import FixedClock
from foundation.database import reading, transaction
from tests.fakes.incident_room import IncidentRoom, open_room


@pytest.fixture
def room(tmp_path: Path, clock: FixedClock) -> Iterator[IncidentRoom]:
    room = open_room(tmp_path, clock)
    yield room
    room.engine.dispose()


def kinds(room: IncidentRoom) -> list[str]:
    (incident,) = room.store.list()
    return [event.kind for event in room.store.timeline(incident.id)]


def close_after(room: IncidentRoom, clock: FixedClock, *, minutes: float) -> None:
    clock.advance(timedelta(minutes=minutes))
    room.worker._next_close = 0
    room.settle()


def test_a_mitigated_incident_is_resolved_after_its_cooldown(room: IncidentRoom, clock: FixedClock) -> None:
    fired = room.alert()
    room.inbox.receive([fired])
    room.settle()
    room.approve()
    room.settle()
    room.inbox.receive([fired.model_copy(update={"status": "resolved"})])
    close_after(room, clock, minutes=31)
    (incident,) = room.store.list()
    assert (incident.status, incident.outcome) == ("resolved", "mitigated")


def test_a_mitigated_incident_is_not_resolved_while_its_alerts_fire(room: IncidentRoom, clock: FixedClock) -> None:
    fired = room.alert()
    room.inbox.receive([fired])
    room.settle()
    room.approve()
    room.settle()
    for minutes in (31, 1, 60):
        close_after(room, clock, minutes=minutes)
        (incident,) = room.store.list()
        assert incident.status == "mitigated"
    assert kinds(room).count("incident.held") == 1, "told once in six hours"
    assert room.notifier.cards[-1].status_line.endswith("mitigated, not resolved: 1 of its alerts still fire")
    close_after(room, clock, minutes=360)
    assert kinds(room).count("incident.held") == 2
    room.inbox.receive([fired.model_copy(update={"status": "resolved"})])
    close_after(room, clock, minutes=1)
    assert room.store.list()[0].status == "resolved"


def test_what_is_only_held_back_is_remembered_until_it_is_undone(room: IncidentRoom, clock: FixedClock) -> None:
    fired = room.alert()
    room.inbox.receive([fired])
    room.settle()
    room.approve()
    room.settle()
    room.inbox.receive([fired.model_copy(update={"status": "resolved"})])
    clock.advance(timedelta(minutes=31))
    holding = {"restart_connector": "{source} is still quarantined"}
    closer = Closer(room.engine, clock, room.store, room.triage, CorrelationRules(), holding)
    assert closer.step() == 0
    (incident,) = room.store.list()
    assert incident.status == "mitigated"
    told = room.store.timeline(incident.id)[-1]
    assert told.text == "mitigated, not resolved: payments_br is still quarantined (restart_connector ends that)"
    room.target.set(restarts=0)
    assert closer.step() == 1
    assert room.store.list()[0].status == "resolved"


def test_what_comes_back_during_the_cooldown_is_investigated_again(room: IncidentRoom, clock: FixedClock) -> None:
    room.inbox.receive([room.alert()])
    room.settle()
    room.approve()
    room.settle()
    clock.advance(timedelta(minutes=5))
    room.inbox.receive([room.alert(9, "volume")])
    room.settle()
    assert room.triage.gathered == 1
    clock.advance(timedelta(minutes=31))
    room.worker._next_close = 0
    room.settle()
    (incident,) = room.store.list()
    assert (incident.status, room.triage.gathered) == ("awaiting_approval", 2)


def many_wait(room: IncidentRoom, *, over: int, waiting: int) -> None:
    """Rejected ones without an alert, then mitigated ones within their cooldown; nobody works on any of them."""
    room.inbox.receive([room.alert()])
    room.settle()
    (first,) = room.store.list()
    with transaction(room.engine) as connection:
        for number in range(2, 2 + over + waiting):
            incident = first.model_copy(update={"id": f"inc-{number}", "number": number})
            incident_rows.add(connection, incident)
            is_over = number < 2 + over
            connection.execute(
                sa.update(incidents)
                .where(incidents.c.id == incident.id)
                .values(
                    status="investigating" if is_over else "mitigated",
                    outcome="rejected" if is_over else "mitigated",
                    mitigated_at=None if is_over else room.clock.now(),
                )
            )
            connection.execute(sa.insert(leases).values(incident_id=incident.id, state="done"))


def closer_of(room: IncidentRoom) -> Closer:
    return Closer(room.engine, room.clock, room.store, room.triage, CorrelationRules())


def test_the_oldest_are_closed_however_many_newer_ones_wait(room: IncidentRoom) -> None:
    many_wait(room, over=3, waiting=110)
    assert closer_of(room).step() == 3
    with reading(room.engine) as connection:
        resolved = connection.scalars(sa.select(incidents.c.number).where(incidents.c.status == "resolved")).all()
    assert resolved == [2, 3, 4]


def test_one_that_cannot_be_looked_at_stops_no_other(room: IncidentRoom, clock: FixedClock) -> None:
    many_wait(room, over=3, waiting=0)
    room.approve()
    room.settle()
    clock.advance(timedelta(minutes=31))
    unsayable = {"restart_connector": "{no_such_argument} is still quarantined"}
    closer = Closer(room.engine, clock, room.store, room.triage, CorrelationRules(), unsayable)
    assert closer.step() == 3, "the first, mitigated, cannot be looked at"
    assert room.store.by_label("INC-0001").status == "mitigated"
