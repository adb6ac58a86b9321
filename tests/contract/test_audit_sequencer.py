"""Entries wait in the intake, durable, and get their places once, in order, whoever sequences and whatever dies."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine
from sqlalchemy.exc import DBAPIError

from audit import sequencer
from audit.entry import AuditRecord
from audit.log import SqlAuditLog
from audit.search import Said, said_of
from audit.tables import audit_entries, audit_intake
from audit.verify import verify_log
from foundation.clock import FixedClock
from foundation.database import reading, transaction
from tests.fakes.fresh_database import fresh_database

pytestmark = pytest.mark.server


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Engine]:
    with fresh_database("postgresql", tmp_path) as engine:
        yield engine


@pytest.fixture
def log(database: Engine, clock: FixedClock) -> SqlAuditLog:
    return SqlAuditLog(database, clock)


def record(number: int = 0) -> AuditRecord:
    return AuditRecord(
        action="test.appended", actor="human:alice", subject="s", incident_id="inc_1", payload={"number": number}
    )


def said(connection: sa.Connection) -> list[Said]:
    return said_of(connection, "s", incident_id="inc_1", actions=("test.appended", "test.other"))


def count(database: Engine, table: sa.Table) -> int:
    with reading(database) as connection:
        return connection.execute(sa.select(sa.func.count()).select_from(table)).scalar_one()


def test_an_entry_is_durable_before_it_has_a_place(log: SqlAuditLog, database: Engine) -> None:
    log.append(record())
    assert (count(database, audit_intake), count(database, audit_entries)) == (1, 0)
    report = verify_log(database)
    assert (report.ok, report.entries, report.pending) == (True, 0, 1)
    with reading(database) as connection:
        assert said(connection) == [Said("human:alice", "test.appended", {"number": 0})]
    assert log.head().size == 1
    assert (count(database, audit_intake), count(database, audit_entries)) == (0, 1)
    with reading(database) as connection:
        assert said(connection) == [Said("human:alice", "test.appended", {"number": 0})]


def test_what_is_in_both_tables_is_told_once(log: SqlAuditLog, database: Engine) -> None:
    log.append(record(1))
    assert sequencer.integrate(database) == 1
    log.append_all([record(2), record(3)])
    with reading(database) as connection:
        found = said(connection)
    assert sorted(one.payload["number"] for one in found) == [1, 2, 3]


def test_batches_keep_the_order(log: SqlAuditLog, database: Engine) -> None:
    for number in range(10):
        log.append(record(number))
    assert sequencer.integrate(database, batch=3) == 10
    assert [entry.record.payload["number"] for entry in log.entries()] == list(range(10))
    assert verify_log(database).ok


def test_a_sequencer_that_dies_in_the_middle_changes_nothing(
    log: SqlAuditLog, database: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Killed(BaseException):
        pass

    log.append_all([record(number) for number in range(5)])

    def die(connection: sa.Connection) -> int:
        sequencer_integrate(connection, 5)
        raise Killed

    sequencer_integrate = sequencer._integrate_batch
    monkeypatch.setattr(sequencer, "_integrate_batch", lambda connection, _batch: die(connection))
    with pytest.raises(Killed):
        sequencer.integrate(database)
    monkeypatch.undo()
    assert (count(database, audit_intake), count(database, audit_entries)) == (5, 0)
    assert sequencer.integrate(database) == 5
    assert verify_log(database).entries == 5


def test_many_writers_and_many_sequencers_lose_and_double_nothing(log: SqlAuditLog, database: Engine) -> None:
    stop = threading.Event()

    def sequence() -> None:
        while not stop.is_set():
            sequencer.integrate(database, batch=7)

    def write(worker: int) -> None:
        for number in range(25):
            with transaction(database) as connection:
                log.append(record(worker * 1000 + number), connection=connection)

    sequencers = [threading.Thread(target=sequence) for _ in range(3)]
    for thread in sequencers:
        thread.start()
    with ThreadPoolExecutor(6) as pool:
        list(pool.map(write, range(6)))
    stop.set()
    for thread in sequencers:
        thread.join()
    numbers = [entry.record.payload["number"] for entry in log.entries()]
    assert len(numbers) == len(set(numbers)) == 150
    for worker in range(6):
        mine = [number for number in numbers if number // 1000 == worker]
        assert mine == sorted(mine), "what one writer wrote after the other stays after it"
    assert verify_log(database).ok


def test_only_what_is_in_the_log_leaves_the_intake(log: SqlAuditLog, database: Engine) -> None:
    log.append(record())
    for attack in (
        "UPDATE audit_intake SET actor = 'human:mallory'",
        "DELETE FROM audit_intake",
        "TRUNCATE audit_intake",
        # with an entry of the same id that says something else
        "INSERT INTO audit_entries (sequence, recorded_at, action, actor, subject, payload, previous_hash, leaf_hash, "
        "frontier, intake_id) SELECT 0, recorded_at, action, 'human:mallory', subject, payload, '', '', '', id "
        "FROM audit_intake; DELETE FROM audit_intake",
    ):
        with pytest.raises(DBAPIError, match="append-only"), database.begin() as connection:
            connection.exec_driver_sql(attack)
    assert (count(database, audit_intake), count(database, audit_entries)) == (1, 0)


def test_a_sequencer_goes_on_after_an_error_that_nobody_thought_of(
    log: SqlAuditLog, database: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    placed, mended, integrate = threading.Event(), threading.Event(), sequencer.integrate

    def broken_once(engine: Engine, *, wait: bool) -> int:
        if not mended.is_set():
            mended.set()
            raise RuntimeError("not one of ours")
        count = integrate(engine, wait=wait)
        if count:
            placed.set()
        return count

    monkeypatch.setattr(sequencer, "integrate", broken_once)
    log.append(record())
    with sequencer.sequencing(database, threading.Event()):
        assert placed.wait(20), "the thread died"


def test_a_running_sequencer_places_entries_and_the_rest_at_its_end(log: SqlAuditLog, database: Engine) -> None:
    stop = threading.Event()
    with sequencer.sequencing(database, stop):
        log.append(record(1))
        for _ in range(100):
            if count(database, audit_entries) == 1:
                break
            stop.wait(0.05)
        assert count(database, audit_intake) == 0
        log.append(record(2))
    assert (count(database, audit_intake), count(database, audit_entries)) == (0, 2)
