"""A worker is killed by SIGKILL at every step of the flow, and every commit, and started again.

While people decide, another alert joins and supersedes what they were asked. Whatever the step: the incident finishes,
no alert is lost, the target was changed exactly once, the audit log holds. Where the change did not work, it is undone
exactly once, after an approval of its own.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
import sqlalchemy as sa

from agents.incident.tables import alerts, incident_alerts, leases
from audit.verify import verify_log
from foundation.clock import ScaledClock
from foundation.database import reading
from guardrails.executor.tables import executions
from tests.fakes.incident_room import open_room

SHARDS = 4
EFFECTS = ("action.started", "action.succeeded", "action.verified")
ORIGIN = datetime(2026, 11, 19, 5, 51, tzinfo=UTC)
ROOT = Path(__file__).parents[2]


class Workshop:
    """Starts workers through `crash_worker.py`."""

    def __init__(self) -> None:
        self.started = datetime.now(UTC)
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.e2e.crash_worker"],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def work(self, directory: Path, kill_at: int | None, *, counted_from: str | None = None) -> int:
        """The worker's exit code; -9 if it killed itself. Steps are counted from the first called `counted_from`."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        command = {
            "directory": str(directory),
            "kill_at": kill_at,
            "counted_from": counted_from,
            "origin": ORIGIN.isoformat(),
            "started": self.started.isoformat(),
        }
        self._process.stdin.write(json.dumps(command) + "\n")
        self._process.stdin.flush()
        return json.loads(self._process.stdout.readline())["code"]

    def clock(self) -> ScaledClock:
        return ScaledClock(origin=ORIGIN, started=self.started, speed=20)

    def stop(self) -> None:
        self._process.communicate(timeout=10)


@pytest.fixture(scope="module")
def workshop() -> Iterator[Workshop]:
    workshop = Workshop()
    yield workshop
    workshop.stop()


def fresh(directory: Path, workshop: Workshop, *, heals: bool = True) -> Path:
    directory.mkdir()
    (directory / "started_at").write_text(workshop.clock().now().isoformat())
    # The schema is made before any worker starts, as migrations are.
    room = open_room(directory, workshop.clock())
    room.target.set(healed_by_restart=heals)
    room.engine.dispose()
    return directory


def check(directory: Path, workshop: Workshop, where: str) -> None:
    room = open_room(directory, workshop.clock())
    try:
        (incident,) = room.store.list()
        assert (incident.status, incident.outcome) == ("mitigated", "mitigated"), where
        assert room.target.read()["changes"] == 1, where
        with reading(room.engine) as connection:
            assert connection.scalar(sa.select(sa.func.count()).select_from(alerts)) == 4, where
            assert connection.scalar(sa.select(sa.func.count()).select_from(incident_alerts)) == 4, where
            assert connection.scalars(sa.select(executions.c.status)).all() == ["succeeded"], where
            assert connection.scalars(sa.select(leases.c.state)).all() == ["done"], where
        assert [r.status for r in room.approvals.for_incident(incident.id)] == ["expired", "claimed"], where
        assert [piece.id for piece in room.store.evidence(incident.id)] == ["E1", "E2", "E3", "E4"], where
        report = verify_log(room.engine)
        assert report.ok, f"{where}: {report.problem}"
        actions = [entry.record.action for entry in room.audit.entries()]
        assert actions.count("approval.requested") == 2, f"{where}: {actions}"
        for once in ("incident.opened", "approval.superseded", *EFFECTS):
            assert actions.count(once) == 1, f"{where}: {once} {actions}"
        assert actions.count("alert.received") == 4, where
        runbook = room.runbooks.find("materialization_stuck")
        assert runbook is not None, where
        assert (runbook.head.worked, runbook.head.failed) == (1, 0), where
        assert (directory / "reports" / "INC-0001.md").exists(), where
    finally:
        room.engine.dispose()


@pytest.mark.timeout(600)
@pytest.mark.parametrize("shard", range(SHARDS))
def test_killed_at_every_step_the_incident_finishes(tmp_path: Path, workshop: Workshop, shard: int) -> None:
    whole = fresh(tmp_path / "whole", workshop)
    assert workshop.work(whole, None) == 0
    steps = (whole / "steps.txt").read_text().splitlines()
    check(whole, workshop, "never killed")
    nodes = ("gather", "diagnose", "narrate", "propose", "ask", "wait", "reconsider", "execute", "verify", "record")
    assert {f"{node}:enter" for node in nodes} < set(steps)
    assert {"effect:before", "effect:after", "release:enter", "database:commit"} < set(steps)

    killed = 0
    for number in range(shard, len(steps), SHARDS):
        directory = fresh(tmp_path / f"killed-at-{number}", workshop)
        code = workshop.work(directory, number)
        where = f"step {number} of {len(steps)}: {(directory / 'steps.txt').read_text()}"
        if code == 0:
            # This run was shorter by a turn of the loop than the one whose steps were counted.
            assert number > len(steps) * 0.8, where
        else:
            assert code == -9, where
            assert workshop.work(directory, None) == 0, where
            killed += 1
        check(directory, workshop, where)
    print(f"shard {shard}: killed {killed} times over {len(steps)} steps")


def check_undone(directory: Path, workshop: Workshop, where: str) -> None:
    room = open_room(directory, workshop.clock())
    try:
        (incident,) = room.store.list()
        assert (incident.status, incident.outcome) == ("investigating", "failed"), where
        target = room.target.read()
        assert (target["changes"], target["restarts"]) == (2, 0), f"{where}: changed once, undone once"
        with reading(room.engine) as connection:
            assert connection.scalars(sa.select(executions.c.status)).all() == ["succeeded"] * 2, where
            assert connection.scalars(sa.select(leases.c.state)).all() == ["done"], where
        statuses = [r.status for r in room.approvals.for_incident(incident.id)]
        assert statuses == ["expired", "claimed", "claimed"], where
        report = verify_log(room.engine)
        assert report.ok, f"{where}: {report.problem}"
        actions = [entry.record.action for entry in room.audit.entries()]
        assert actions.count("approval.requested") == 3, f"{where}: {actions}"
        for twice in ("action.started", "action.succeeded"):
            assert actions.count(twice) == 2, f"{where}: {twice} {actions}"
        runbook = room.runbooks.find("materialization_stuck")
        assert runbook is not None, where
        assert (runbook.head.worked, runbook.head.failed) == (0, 1), where
    finally:
        room.engine.dispose()


@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    ("counted_from", "at_most", "nodes"),
    [
        ("rest:enter", 2, ("rest",)),
        ("compensate:enter", None, ("compensate", "ask", "wait", "execute", "verify", "record")),
    ],
)
def test_killed_while_it_is_undone_it_is_undone_once(
    tmp_path: Path, workshop: Workshop, counted_from: str, at_most: int | None, nodes: tuple[str, ...]
) -> None:
    """From the look that finds the change did not work; how many turns a rest takes is the clock's, so only its
    beginning is killed at. Of the undo it is every third step, and around the effect each: a story takes seconds."""
    whole = fresh(tmp_path / "whole", workshop, heals=False)
    assert workshop.work(whole, None, counted_from=counted_from) == 0
    steps = (whole / "steps.txt").read_text().splitlines()
    check_undone(whole, workshop, "never killed")
    assert {f"{node}:enter" for node in nodes} <= set(steps)

    killed = 0
    around_effect = [number for number, step in enumerate(steps) if step.startswith("effect:")]
    points = sorted({*range(0, len(steps), 3), *around_effect}) if at_most is None else range(at_most)
    for number in points:
        directory = fresh(tmp_path / f"killed-at-{number}", workshop, heals=False)
        code = workshop.work(directory, number, counted_from=counted_from)
        where = f"step {number} of {len(steps)}: {(directory / 'steps.txt').read_text()}"
        if code == 0:
            # This run was shorter by a turn of the loop than the one whose steps were counted.
            assert number > len(steps) * 0.8, where
        else:
            assert code == -9, where
            assert workshop.work(directory, None) == 0, where
            killed += 1
        check_undone(directory, workshop, where)
    print(f"from {counted_from}: killed {killed} times over {len(steps)} steps")
