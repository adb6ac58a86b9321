"""Runs workers that may kill themselves at a given step. Reads a JSON command a line, answers each with its exit code.

Everything heavy is imported once; each worker is then a fork of this single-threaded process, which costs milliseconds
instead of seconds and dies by the same SIGKILL as any other.
"""

from __future__ import annotations

import os
import signal
import sqlite3
import sys
import threading
import time
import traceback
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
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
from foundation.frozen import Frozen
from guardrails.approvals.types import ApprovalRequest
from tests.fakes.incident_room import IncidentRoom, open_room

PATIENCE = 30.0
SPEED = 20
LEASE_SECONDS = 0.3
DATABASE, MOMENT, COMMIT = "vigia.db", "moment.json", "database:commit"


class Command(Frozen):
    """One worker's life. `origin` and `started` set its clock; `behind`: so many seconds is its wall clock behind."""

    directory: Path
    origin: datetime
    started: datetime
    behind: float = 0.0
    kill_at: int | None = None
    counted_from: str | None = None
    snapshots: Path | None = None


class Moment(Frozen):
    """Of a snapshot: the step, the platform's time, and that of the wall."""

    step: str
    now: datetime
    wall: float


class Reaper:
    """Counts the steps of the main thread, from the first called `counted_from` on. At `kill_at` it kills the process,
    without any farewell; into `snapshots` it copies, at each step, what a kill would leave on the disk."""

    def __init__(self, command: Command, clock: ScaledClock) -> None:
        self._command = command
        self._clock = clock
        self._counting = command.counted_from is None
        self._log = (command.directory / "steps.txt").open("a", buffering=1)
        self._count = 0

    def __call__(self, step: str, /) -> None:
        if threading.current_thread() is not threading.main_thread():
            return
        if not self._counting and step != self._command.counted_from:
            return
        self._counting = True
        if self._command.snapshots is not None:
            self._keep(self._command.snapshots / str(self._count), step)
        if self._command.kill_at is None:
            self._log.write(f"{step}\n")
        elif self._command.kill_at == self._count:
            self._log.write(f"killed at {step}\n")
            os.kill(os.getpid(), signal.SIGKILL)
        self._count += 1

    def watch_commits(self, engine: Engine) -> None:
        """Every commit is a step of its own, whoever sends it: killed before it, and, at the next step, after it."""

        def told(statement: str) -> None:
            if statement == "COMMIT":
                self(COMMIT)

        event.listen(engine, "checkout", lambda driver, *_: driver.set_trace_callback(told))

    def _keep(self, snapshot: Path, step: str) -> None:
        """Nobody writes while it is copied. What this thread has not committed is in the copy as it lies in the files,
        just as after a kill."""
        snapshot.mkdir(parents=True)
        moment = Moment(step=step, now=self._clock.now(), wall=time.time())
        (snapshot / MOMENT).write_text(moment.model_dump_json())
        with ExitStack() as locks:
            for path in self._command.directory.glob("*.db"):
                if step != COMMIT or path.name != DATABASE:  # that one this thread has locked itself
                    locks.enter_context(_locked(path))
            # In another process: one that closes a file drops its locks on it, SQLite's too.
            copying = os.posix_spawnp("cp", ["cp", "-r", f"{self._command.directory}/.", str(snapshot)], os.environ)
            if os.waitpid(copying, 0)[1]:
                raise RuntimeError(f"{snapshot} could not be written")


@contextmanager
def _locked(database: Path) -> Iterator[None]:
    """While the block runs nobody writes to `database`."""
    connection = sqlite3.connect(database, isolation_level=None, timeout=10)
    try:
        connection.execute("BEGIN IMMEDIATE")
        yield
    finally:
        connection.close()


def work(command: Command, clock: ScaledClock) -> None:
    """One worker with its sender of alerts and its engineer, until the incident's story is over."""
    reaper = Reaper(command, clock)
    room = open_room(
        command.directory,
        clock,
        observer=reaper,
        prepare=reaper.watch_commits,
        lease_seconds=LEASE_SECONDS,
        rules=CorrelationRules(settle=timedelta(seconds=1)),
        wall=lambda: time.time() - command.behind,
    )
    room.triage.telling = "nulls"
    if not room.target.read()["healed_by_restart"]:
        room.action.within_seconds = 10
    reaper("sender:enter")
    # The sender repeats what was not acknowledged, as Alertmanager does.
    started = datetime.fromisoformat((command.directory / "started_at").read_text())
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
        command = Command.model_validate_json(line)
        # Nobody kills whoever tells a whole story: it is told here, and every fork after it knows the way.
        print(told(command) if command.snapshots is not None else forked(command), flush=True)


def told(command: Command) -> int:
    try:
        work(command, ScaledClock(origin=command.origin, started=command.started, speed=SPEED))
    except BaseException:  # noqa: BLE001 - it is said by the exit code, whatever happened
        traceback.print_exc()
        return 1
    if threading.active_count() != 1:
        print(f"threads are left, nothing may be forked: {threading.enumerate()}", file=sys.stderr)
        return 2
    return 0


def forked(command: Command) -> int:
    child = os.fork()
    if child == 0:
        os._exit(told(command))
    _, status = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(status)


if __name__ == "__main__":
    main()
