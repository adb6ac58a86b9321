"""What fails for hours is still tried again, and stops nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from agents.incident.card import IncidentCard
from agents.incident.pauses import LONGEST_PAUSE, pause_after
from agents.incident.ports import Notifier
from agents.incident.tables import leases
from foundation.clock import FixedClock
from foundation.database import reading, transaction
from platform_core.access.principals import Principal
from tests.fakes.incident_room import ALICE, IncidentRoom, open_room

ROOT = Principal(id="human:root", name="Root", roles=frozenset({"admin"}), tenants=frozenset({"*"}))
HOURS = 2000
"""Failures in a row: about 17 hours of the longest pause."""


@pytest.fixture
def room(tmp_path: Path, clock: FixedClock) -> Iterator[IncidentRoom]:
    room = open_room(tmp_path, clock)
    yield room
    room.engine.dispose()


class Wall:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


class RefusesOne(Notifier):
    """A chat that never takes the first incident's card."""

    def __init__(self) -> None:
        self.refused = 0
        self.taken: list[str] = []

    def incident_changed(self, card: IncidentCard) -> None:
        if card.label == "INC-0001":
            self.refused += 1
            raise ConnectionError("too long a card")
        self.taken.append(card.label)


def test_pauses_double_up_to_half_a_minute() -> None:
    assert [pause_after(n) for n in range(8)] == [0.5, 1, 2, 4, 8, 16, LONGEST_PAUSE, LONGEST_PAUSE]
    assert pause_after(10**9) == LONGEST_PAUSE


def test_a_card_that_can_never_be_sent_holds_no_other_up(room: IncidentRoom) -> None:
    room.inbox.receive([room.alert()])
    announcer, notifier, wall = room.worker._announcer, RefusesOne(), Wall()
    announcer._notifiers, announcer._wall = (notifier,), wall
    room.worker.step()
    first = room.store.list()[0].id
    announcer._failures[first] = (HOURS, 0.0)
    room.inbox.receive([room.alert(2, "volume", subject="urn:vigia:source:other_a")])
    room.worker.step()
    assert notifier.taken == ["INC-0002"]
    assert announcer._failures[first] == (HOURS + 1, wall.now + LONGEST_PAUSE)


def test_a_step_that_failed_all_night_is_still_let_go_of_for_a_pause(room: IncidentRoom) -> None:
    room.inbox.receive([room.alert()])
    room.worker.step()
    (incident,) = room.store.list()
    held, wall = room.worker._leases, Wall()
    held._wall = wall
    with transaction(room.engine) as connection:
        connection.execute(sa.update(leases).values(attempts=HOURS, state="ready", owner=held.owner))
    assert held.back_off(incident.id) == HOURS + 1
    with reading(room.engine) as connection:
        row = connection.execute(sa.select(leases.c.owner, leases.c.not_before_wall)).one()
    assert row == (None, wall.now + LONGEST_PAUSE)


def kinds(room: IncidentRoom) -> list[str]:
    (incident,) = room.store.list()
    return [event.kind for event in room.store.timeline(incident.id)]


def test_a_kill_switch_held_all_night_is_told_once_and_goes_on_when_released(room: IncidentRoom) -> None:
    wall = Wall()
    room.worker._leases._wall = wall
    room.inbox.receive([room.alert()])
    room.settle()
    room.approve()
    room.approvals.set_kill_switch(True, ALICE, "odd")
    room.settle()
    told, cards = room.audit.head().size, len(room.notifier.cards)
    for _ in range(20):
        wall.now += LONGEST_PAUSE
        room.settle()
    assert kinds(room).count("action.held") == 1
    assert "step.failed" not in kinds(room)
    assert (room.audit.head().size, len(room.notifier.cards)) == (told, cards), "nobody is told again"
    assert room.target.read()["changes"] == 0

    room.approvals.set_kill_switch(False, ROOT, "fine")
    wall.now += LONGEST_PAUSE
    room.settle()
    assert (room.store.list()[0].outcome, room.target.read()["changes"]) == ("mitigated", 1)


def test_the_same_failure_is_told_once_however_often_it_is_tried(room: IncidentRoom) -> None:
    wall = Wall()
    room.worker._leases._wall = wall
    room.inbox.receive([room.alert()])
    room.settle()
    room.action.silent = True
    room.approve()
    for _ in range(20):
        room.settle()
        wall.now += LONGEST_PAUSE
    assert kinds(room).count("step.failed") == 1
    with reading(room.engine) as connection:
        assert connection.scalar(sa.select(leases.c.attempts)) == 20
