"""Runs workers that may kill themselves at a given step. Reads one JSON command a line, answers with one line.

Everything heavy is imported once; each worker is then a fork of this single-threaded process, which costs milliseconds
instead of seconds and dies by the same SIGKILL as any other.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import time
from datetime import datetime, timedelta
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.engine import Engine

from agents.incident.correlation import CorrelationRules
from agents.incident.repositories import incidents as incident_rows
from agents.incident.tables import leases
from foundation.clock import ScaledClock
from foundation.database import reading
from guardrails.approvals.types import ApprovalRequest
from tests.fakes.incident_room import IncidentRoom, open_room

PATIENCE = 30.0


class Reaper:
    """Counts the steps of the main thread, from the first called `counted_from` on, and kills the process at the chosen
    one, without any farewell."""

    def __init__(self, directory: Path, kill_at: int | None, counted_from: str | None) -> None:
        self._kill_at = kill_at
        self._counted_from = counted_from
        self._log = (directory / "steps.txt").open("a", buffering=1)
        self._count = 0

    def __call__(self, step: str, /) -> None:
        if threading.current_thread() is not threading.main_thread():
            return
        if self._counted_from is not None:
            if step != self._counted_from:
                return
            self._counted_from = None
        if self._kill_at is not None:
            if self._count == self._kill_at:
                self._log.write(f"killed at {step}\n")
                os.kill(os.getpid(), signal.SIGKILL)
        else:
            self._log.write(f"{step}\n")
        self._count += 1

    def watch_commits(self, engine: Engine) -> None:
        """Every commit is a step of its own: killed before it, and, at the next step, after it."""
        event.listen(engine, "commit", lambda _connection: self("database:commit"))


def work(directory: Path, clock: ScaledClock, kill_at: int | None, counted_from: str | None) -> None:
    """One worker with its sender of alerts and its engineer, until the incident's story is over."""
    reaper = Reaper(directory, kill_at, counted_from)
    rules = CorrelationRules(settle=timedelta(seconds=1))
    room = open_room(directory, clock, observer=reaper, prepare=reaper.watch_commits, lease_seconds=0.3, rules=rules)
    room.triage.telling = "nulls"
    if not room.target.read()["healed_by_restart"]:
        room.action.within_seconds = 10
    reaper("sender:enter")
    # The sender repeats what was not acknowledged, as Alertmanager does.
    started = datetime.fromisoformat((directory / "started_at").read_text())
    room.inbox.receive([room.alert(n, "volume", starts_at=started) for n in (1, 2)])
    room.inbox.receive([room.alert(3, starts_at=started)])
    deadline = time.monotonic() + PATIENCE
    while not over(room):
        if time.monotonic() > deadline:
            raise TimeoutError(f"not over: {room.store.list()}")
        if not room.worker.step():
            time.sleep(0.02)
        reaper("sender:again")
        if room.approvals.pending():
            room.inbox.receive([room.alert(4, "nulls", starts_at=started)])
        reaper("engineer:enter")
        if len(requested(room)) > 1:
            room.approve()


def requested(room: IncidentRoom) -> list[ApprovalRequest]:
    """The engineer takes a while: until the alert that joined late has superseded the first request."""
    return [request for incident in room.store.list() for request in room.approvals.for_incident(incident.id)]


def over(room: IncidentRoom) -> bool:
    """The incident is mitigated or given up, nobody holds it, and everybody was told."""
    with reading(room.engine) as connection:
        states = list(connection.scalars(sa.select(leases.c.state)))
        untold = incident_rows.unannounced(connection, 1)
    return states == ["done"] and not untold


def main() -> None:
    for line in sys.stdin:
        command = json.loads(line)
        child = os.fork()
        if child == 0:
            clock = ScaledClock(
                origin=datetime.fromisoformat(command["origin"]),
                started=datetime.fromisoformat(command["started"]),
                speed=20,
            )
            try:
                work(Path(command["directory"]), clock, command["kill_at"], command["counted_from"])
            except BaseException:  # noqa: BLE001 - the fork must end here, whatever happened
                import traceback

                traceback.print_exc()
                os._exit(1)
            os._exit(0)
        _, status = os.waitpid(child, 0)
        print(json.dumps({"code": os.waitstatus_to_exitcode(status)}), flush=True)


if __name__ == "__main__":
    main()
