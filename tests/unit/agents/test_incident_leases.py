"""Two workers over one database: an incident is worked on by one of them at a time."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy import event
from sqlalchemy.engine import Engine

from agents.incident.correlation import Correlator
from agents.incident.graph import Pause
from agents.incident.inbox import AlertInbox
from agents.incident.leasing import Leases
from agents.incident.store import IncidentStore
from audit.verify import verify_log
from foundation.clock import FixedClock, SystemClock
from platform_core.monitoring.alert import Alert
from platform_core.urn import urn
from tests.fakes.audit_log import FakeAuditLog
from tests.fakes.incident_room import IncidentRoom, open_room
from tests.fakes.lineage import small_lineage
from tools.runner import ToolRun


class Wall:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def incident_id(engine: Engine, clock: FixedClock) -> str:
    audit = FakeAuditLog(clock)
    alert = Alert(
        source="t",
        fingerprint="f",
        starts_at=clock.now(),
        kind="volume",
        subject=urn("source", "payments_br"),
        summary="none",
    )
    AlertInbox(engine, clock, audit).receive([alert])
    Correlator(engine, clock, audit, small_lineage).correlate()
    return IncidentStore(engine, clock, audit).list()[0].id


def test_one_worker_at_a_time(engine: Engine, incident_id: str) -> None:
    wall = Wall()
    first, second = Leases(engine, seconds=5, wall=wall), Leases(engine, seconds=5, wall=wall)
    assert first.due([]) == [incident_id]
    assert first.claim(incident_id)
    assert not second.claim(incident_id)
    assert second.due([]) == []

    wall.now += 4
    first.renew()
    wall.now += 4
    assert not second.claim(incident_id), "renewed"
    assert first.holds(incident_id)


def test_a_dead_workers_lease_is_taken_over_and_the_dead_one_knows(engine: Engine, incident_id: str) -> None:
    wall = Wall()
    dead, heir = Leases(engine, seconds=5, wall=wall), Leases(engine, seconds=5, wall=wall)
    assert dead.claim(incident_id)
    wall.now += 5.1
    assert not dead.holds(incident_id)
    assert heir.claim(incident_id)
    dead.renew()
    assert not dead.holds(incident_id), "it may not take another step"
    dead.finish(incident_id, 1)
    assert heir.holds(incident_id)
    heir.renew()
    assert heir.holds(incident_id), "the dead one's word does not count"


def two_incidents(engine: Engine, clock: FixedClock) -> tuple[str, str]:
    audit = FakeAuditLog(clock)
    AlertInbox(engine, clock, audit).receive(
        [
            Alert(
                source="t", fingerprint=f"g{n}", starts_at=clock.now(), kind="volume", subject=subject, summary="none"
            )
            for n, subject in enumerate((urn("source", "other_a"), urn("source", "other_b")))
        ]
    )
    Correlator(engine, clock, audit, small_lineage).correlate()
    first, second = IncidentStore(engine, clock, audit).list()
    return first.id, second.id


def test_an_abandoned_lease_runs_out_while_the_others_are_kept(engine: Engine, clock: FixedClock) -> None:
    kept, abandoned = two_incidents(engine, clock)
    wall = Wall()
    worker, heir = Leases(engine, seconds=5, wall=wall), Leases(engine, seconds=5, wall=wall)
    assert worker.claim(kept)
    assert worker.claim(abandoned)
    worker.abandon(abandoned)
    for _ in range(3):
        wall.now += 2
        worker.renew()
    assert worker.holds(kept)
    assert not heir.claim(kept)
    assert heir.claim(abandoned), "nobody works on it: another worker must get it"


def test_a_claim_made_while_leases_are_renewed_is_kept(engine: Engine, clock: FixedClock) -> None:
    first, second = two_incidents(engine, clock)
    wall = Wall()
    worker = Leases(engine, seconds=5, wall=wall)
    assert worker.claim(first)
    claimed: list[bool] = []

    @event.listens_for(engine, "checkin")
    def claim_second(*_: object) -> None:
        # The renewing transaction is over, its answer not yet looked at.
        if not claimed:
            claimed.append(True)
            claimed.append(worker.claim(second))

    worker.renew()
    assert claimed == [True, True]
    assert worker.holds(first)
    assert worker.holds(second)


def test_parked_until_decided(engine: Engine, incident_id: str) -> None:
    leases = Leases(engine, wall=Wall())
    assert leases.claim(incident_id)
    leases.park(incident_id, "apr_1")
    assert leases.due({"apr_1", "apr_2"}) == []
    assert leases.due({"apr_2"}) == [incident_id]


def test_a_failure_is_left_alone_for_a_growing_while(engine: Engine, incident_id: str) -> None:
    wall = Wall()
    leases = Leases(engine, wall=wall)
    pauses: list[float] = []
    for _ in range(8):
        assert leases.claim(incident_id)
        leases.back_off(incident_id)
        before = wall.now
        while not leases.due([]):
            wall.now += 0.5
        pauses.append(wall.now - before)
    assert pauses == [0.5, 1, 2, 4, 8, 16, 30, 30]


class Together:
    """Notes which incidents are worked on by two workers at once. Looks at the graph, inside claim and release."""

    def __init__(self, rooms: list[IncidentRoom], monkeypatch: pytest.MonkeyPatch) -> None:
        self.overlaps: list[str] = []
        self.runs: list[set[str]] = [set() for _ in rooms]
        self._active: set[str] = set()
        self._lock = threading.Lock()
        for number, room in enumerate(rooms):
            graph = room.worker._graph
            monkeypatch.setattr(graph, "run", partial(self._watched, number, graph.run))
            # Slow enough that whoever is not kept out comes in between.
            monkeypatch.setattr(room.triage, "gather", partial(self._slowly, room.triage.gather))

    def _watched(self, number: int, run: Callable[[str, int], Pause], incident_id: str, round_number: int) -> Pause:
        with self._lock:
            if incident_id in self._active:
                self.overlaps.append(incident_id)
            self._active.add(incident_id)
            self.runs[number].add(incident_id)
        try:
            return run(incident_id, round_number)
        finally:
            with self._lock:
                self._active.discard(incident_id)

    @staticmethod
    def _slowly(gather: Callable[[Sequence[Alert]], list[ToolRun]], alerts: Sequence[Alert]) -> list[ToolRun]:
        time.sleep(0.5)
        return gather(alerts)


@pytest.fixture
def rooms(tmp_path: Path) -> Iterator[list[IncidentRoom]]:
    clock = SystemClock()
    rooms = [open_room(tmp_path, clock, lease_seconds=2) for _ in range(2)]
    # Far apart in meaning: two unrelated unknown subjects besides the connected one.
    subjects = [urn("source", "payments_br"), urn("source", "other_a"), urn("source", "other_b")]
    rooms[0].inbox.receive([rooms[0].alert(n, "volume", subject=subject) for n, subject in enumerate(subjects)])
    yield rooms
    for room in rooms:
        room.engine.dispose()


@contextmanager
def working(rooms: list[IncidentRoom]) -> Generator[None]:
    stop = threading.Event()
    threads = [threading.Thread(target=room.worker.run, args=(stop,)) for room in rooms]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        stop.set()
        for thread in threads:
            thread.join()


def test_two_workers_work_on_many_incidents_without_stepping_on_each_other(
    rooms: list[IncidentRoom], monkeypatch: pytest.MonkeyPatch
) -> None:
    together, first = Together(rooms, monkeypatch), rooms[0]
    with working(rooms):
        _until(lambda: len(first.approvals.pending()) == 3)
        _until(lambda: _approved_until_over(first), patience=timedelta(seconds=60))
    assert together.overlaps == []
    assert together.runs[0] | together.runs[1] == {incident.id for incident in first.store.list()}
    executed = 0
    for incident in first.store.list():
        kinds = [event.kind for event in first.store.timeline(incident.id)]
        assert "step.failed" not in kinds
        assert kinds.count("evidence.collected") == first.store.round_of(incident.id)
        executed += kinds.count("action.succeeded")
    assert first.target.read()["changes"] == executed >= 1
    assert verify_log(first.engine).ok


def test_without_leases_the_same_two_step_on_each_other(
    rooms: list[IncidentRoom], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The positive control: what the test above looks for is there to be seen when nobody is kept out."""
    together = Together(rooms, monkeypatch)
    for room in rooms:
        monkeypatch.setattr(room.worker._leases, "due", lambda _undecided, room=room: _ids(room))
        monkeypatch.setattr(room.worker._leases, "claim", lambda _incident_id: True)
        monkeypatch.setattr(room.worker._leases, "holds", lambda _incident_id: True)
    with working(rooms):
        _until(lambda: len(together.overlaps) > 0)


def _ids(room: IncidentRoom) -> list[str]:
    return [incident.id for incident in room.store.list()]


def _approved_until_over(room: IncidentRoom) -> bool:
    room.approve()
    return all(incident.outcome is not None for incident in room.store.list())


def _until(true: Callable[[], bool], patience: timedelta = timedelta(seconds=20)) -> None:
    deadline = time.monotonic() + patience.total_seconds()
    while not true():
        assert time.monotonic() < deadline, "not in time"
        time.sleep(0.05)
