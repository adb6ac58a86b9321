"""Looking again at an incident that new alerts joined: whether it is asked for, and beginning it."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime

from sqlalchemy.engine import Connection, Engine

from agents.incident.repositories import incidents as incident_rows
from agents.incident.repositories import leases as lease_rows
from agents.incident.types import Incident
from foundation.database import reading, transaction

UNDECIDED = ("inconclusive", "expired")
"""Outcomes that nobody chose: a new kind of sign may settle what the evidence could not, or wake somebody whom the
first did not."""


class Looks:
    """What the steps ask. Times on the wall."""

    def __init__(self, engine: Engine, *, wall: Callable[[], float] = time.time) -> None:
        self._engine = engine
        self._wall = wall

    def due(self, incident_id: str) -> bool:
        with reading(self._engine) as connection:
            at = lease_rows.asked_to_look_again(connection, incident_id)
        return at is not None and at <= self._wall()

    def taken(self, incident_id: str) -> None:
        """All alerts up to now are about to be read: only later ones ask for another look."""
        with transaction(self._engine) as connection:
            lease_rows.looked(connection, incident_id)


def investigate_again(connection: Connection, incident: Incident, now: datetime, *, max_rounds: int) -> bool:
    """Begin another round of an incident whose last one ended `UNDECIDED`; False when there were enough of them."""
    finished = incident_rows.round_of(connection, incident.id)
    moved = finished < max_rounds and incident_rows.move(
        connection, incident.id, expected=incident.status, to=incident.status, outcome=None, at=now
    )
    if moved:
        incident_rows.advance_round(connection, incident.id, finished=finished)
        lease_rows.wake(connection, incident.id)
    return moved
