"""A worker dies at every step of the flow, and every commit, and is started again.

While people decide, another alert joins and supersedes what they were asked. Whatever the step: the incident finishes,
no alert is lost, the target was changed exactly once, the audit log holds. Where the change did not work, it is undone
exactly once, after an approval of its own.

A story is told once, and at each of its steps the files are copied as a kill would leave them; a worker is started on
every copy, when the lease of the dead one is over. That a kill leaves just that is shown by SIGKILL at every twentieth
step and around the effect, where the next worker also waits for the lease.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import pytest
import sqlalchemy as sa

from agents.incident.tables import alerts, incident_alerts, leases
from audit.verify import verify_log
from foundation.clock import ScaledClock
from foundation.database import reading
from guardrails.executor.tables import executions
from tests.e2e.crash_worker import LEASE_SECONDS, MOMENT, SPEED, Command, Moment
from tests.fakes.incident_room import open_room

SHARDS = 4
EFFECTS = ("action.started", "action.succeeded", "action.verified")
ORIGIN = datetime(2026, 11, 19, 5, 51, tzinfo=UTC)
ROOT = Path(__file__).parents[2]
KILLED = -9


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

    def work(
        self,
        directory: Path,
        *,
        kill_at: int | None = None,
        counted_from: str | None = None,
        snapshots: Path | None = None,
    ) -> int:
        """The worker's exit code. Steps are counted from the first called `counted_from`."""
        return self._run(
            Command(
                directory=directory,
                origin=ORIGIN,
                started=self.started,
                kill_at=kill_at,
                counted_from=counted_from,
                snapshots=snapshots,
            )
        )

    def resume(self, snapshot: Path) -> int:
        """A worker's exit code that goes on from there, as soon as the lease of the dead one is over."""
        moment = Moment.model_validate_json((snapshot / MOMENT).read_text())
        behind = time.time() - moment.wall - LEASE_SECONDS
        return self._run(Command(directory=snapshot, origin=moment.now, started=datetime.now(UTC), behind=behind))

    def clock(self) -> ScaledClock:
        return ScaledClock(origin=ORIGIN, started=self.started, speed=SPEED)

    def stop(self) -> None:
        self._process.communicate(timeout=10)

    def _run(self, command: Command) -> int:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(command.model_dump_json() + "\n")
        self._process.stdin.flush()
        return int(self._process.stdout.readline())


class Story(NamedTuple):
    """What a worker that nobody killed went through, and the files at each step."""

    steps: list[str]
    snapshots: list[Path]


@pytest.fixture(scope="module")
def workshop() -> Iterator[Workshop]:
    workshop = Workshop()
    yield workshop
    workshop.stop()


@pytest.fixture(scope="module")
def mended(tmp_path_factory: pytest.TempPathFactory, workshop: Workshop) -> Story:
    directory = tmp_path_factory.mktemp("mended")
    story = told(directory, workshop)
    check(directory / "whole", workshop, "never killed")
    nodes = ("gather", "diagnose", "narrate", "propose", "ask", "wait", "reconsider", "execute", "verify", "record")
    assert {f"{node}:enter" for node in nodes} < set(story.steps)
    assert {"effect:before", "effect:after", "release:enter", "database:commit"} < set(story.steps)
    return story


@pytest.fixture(scope="module")
def undone(tmp_path_factory: pytest.TempPathFactory, workshop: Workshop) -> Story:
    """From the look that finds that the change did not work."""
    directory = tmp_path_factory.mktemp("undone")
    story = told(directory, workshop, heals=False, counted_from="rest:enter")
    check_undone(directory / "whole", workshop, "never killed")
    nodes = ("rest", "compensate", "ask", "wait", "execute", "verify", "record")
    assert {f"{node}:enter" for node in nodes} < set(story.steps)
    return story


def told(directory: Path, workshop: Workshop, *, heals: bool = True, counted_from: str | None = None) -> Story:
    whole, kept = fresh(directory / "whole", workshop, heals=heals), directory / "at"
    assert workshop.work(whole, counted_from=counted_from, snapshots=kept) == 0
    steps = (whole / "steps.txt").read_text().splitlines()
    return Story(steps, [kept / str(number) for number in range(len(steps))])


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
@pytest.mark.parametrize("shard", range(SHARDS))
def test_wherever_it_died_the_incident_finishes(workshop: Workshop, mended: Story, shard: int) -> None:
    for number in range(shard, len(mended.steps), SHARDS):
        where = f"step {number} of {len(mended.steps)}: {mended.steps[number]}"
        assert workshop.resume(mended.snapshots[number]) == 0, where
        check(mended.snapshots[number], workshop, where)


@pytest.mark.timeout(600)
def test_killed_while_it_works_the_incident_finishes(tmp_path: Path, workshop: Workshop, mended: Story) -> None:
    for number in sorted({*range(0, len(mended.steps), 20), *around_effects(mended.steps)}):
        directory = fresh(tmp_path / f"killed-at-{number}", workshop)
        code = workshop.work(directory, kill_at=number)
        where = f"step {number} of {len(mended.steps)}: {(directory / 'steps.txt').read_text()}"
        if code == 0:
            # This run was shorter by a turn of the loop than the one whose steps were counted.
            assert number > len(mended.steps) * 0.8, where
        else:
            assert code == KILLED, where
            assert workshop.work(directory) == 0, where
        check(directory, workshop, where)


@pytest.mark.timeout(600)
def test_wherever_it_died_while_it_is_undone_it_is_undone_once(workshop: Workshop, undone: Story) -> None:
    """How many turns a rest takes is the clock's, so that only its beginning counts. Of the undo it is every third
    step, and around the effect each."""
    begins = undone.steps.index("compensate:enter")
    of_undo = {*range(begins, len(undone.steps), 3), *(at for at in around_effects(undone.steps) if at > begins)}
    for number in (0, 1, *sorted(of_undo)):
        where = f"step {number} of {len(undone.steps)}: {undone.steps[number]}"
        assert workshop.resume(undone.snapshots[number]) == 0, where
        check_undone(undone.snapshots[number], workshop, where)


def around_effects(steps: list[str]) -> list[int]:
    return [number for number, step in enumerate(steps) if step.startswith("effect:")]
