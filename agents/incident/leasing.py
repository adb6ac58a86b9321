"""This worker's leases: taken by a conditional UPDATE, kept alive while it works, lost when it stops."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection

from sqlalchemy.engine import Engine

from agents.incident.pauses import pause_after
from agents.incident.repositories import incidents as incident_rows
from agents.incident.repositories import leases as rows
from foundation.database import reading, transaction
from foundation.ids import new_id


class Leases:
    """`seconds` on the wall: how long a dead worker's incident waits before another takes it over."""

    def __init__(self, engine: Engine, *, seconds: float = 5.0, wall: Callable[[], float] = time.time) -> None:
        self._engine = engine
        self._seconds = seconds
        self._wall = wall
        self._owner = new_id("wrk")
        self._mine: dict[str, float] = {}
        self._lock = threading.Lock()

    @property
    def owner(self) -> str:
        return self._owner

    def due(self, undecided: Collection[str]) -> list[str]:
        """Incidents with work that nobody holds. `undecided` are the approvals people still have to decide."""
        with reading(self._engine) as connection:
            return rows.due(connection, now=self._wall(), undecided=undecided)

    def claim(self, incident_id: str) -> bool:
        until = self._wall() + self._seconds
        with transaction(self._engine) as connection:
            taken = rows.claim(connection, incident_id, self._owner, now=self._wall(), until=until)
        if taken:
            with self._lock:
                self._mine[incident_id] = until
        return taken

    def holds(self, incident_id: str) -> bool:
        """Whether this worker may take another step, by its own clock."""
        with self._lock:
            return self._mine.get(incident_id, 0.0) > self._wall()

    def renew(self) -> None:
        """Keep what is held; what somebody else took meanwhile is forgotten, what was abandoned is left to run out."""
        with self._lock:
            held = dict(self._mine)
        if not held:
            return
        until = self._wall() + self._seconds
        with transaction(self._engine) as connection:
            still = rows.renew(connection, self._owner, held, until=until)
        with self._lock:
            for incident_id, before in held.items():
                # Let go of, or let go of and claimed anew, while the database was asked: that answer is not about it.
                if self._mine.get(incident_id) != before:
                    continue
                if incident_id in still:
                    self._mine[incident_id] = until
                else:
                    del self._mine[incident_id]

    def park(self, incident_id: str, approval_id: str) -> None:
        """Let go until the approval is decided."""
        with transaction(self._engine) as connection:
            rows.park(connection, incident_id, self._owner, approval_id)
        self._forget(incident_id)

    def rest(self, incident_id: str, seconds: float) -> None:
        """Let go until `seconds` have passed on the wall; then anybody may go on."""
        with transaction(self._engine) as connection:
            rows.rest(connection, incident_id, self._owner, until=self._wall() + seconds)
        self._forget(incident_id)

    def finish(self, incident_id: str, round_number: int) -> None:
        """Let go: done, unless another round began while this one was being recorded."""
        with transaction(self._engine) as connection:
            # The row first: from here on a new round's wake waits for this commit. One that came before is seen below.
            released = rows.finish(connection, incident_id, self._owner)
            if released and incident_rows.round_of(connection, incident_id) > round_number:
                rows.wake(connection, incident_id)
        self._forget(incident_id)

    def back_off(self, incident_id: str) -> int:
        """Let go after a failure, for a pause that doubles each time; how often it has failed in a row."""
        # Forgotten first: if the database does not answer, the lease must run out rather than be renewed for ever.
        self._forget(incident_id)
        with transaction(self._engine) as connection:
            failures = rows.attempts(connection, incident_id)
            until = self._wall() + pause_after(failures)
            rows.back_off(connection, incident_id, self._owner, until=until)
        return failures + 1

    def abandon(self, incident_id: str) -> None:
        """Stop renewing it: another worker has it, or will."""
        self._forget(incident_id)

    def _forget(self, incident_id: str) -> None:
        with self._lock:
            self._mine.pop(incident_id, None)
