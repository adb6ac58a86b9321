"""The audit log on every database it runs on: order, atomicity, refusals, and many writers at once."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine
from sqlalchemy.exc import DBAPIError

from audit import merkle, triggers
from audit.chain import has_intake
from audit.entry import AuditRecord
from audit.log import SqlAuditLog
from audit.tables import audit_entries, audit_intake
from audit.verify import verify_log
from foundation.clock import FixedClock
from foundation.database import transaction
from foundation.errors import InvalidInput, Unavailable
from tests.fakes.fresh_database import KINDS, fresh_database


@pytest.fixture(params=KINDS)
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    with fresh_database(request.param, tmp_path) as engine:
        yield engine


@pytest.fixture
def log(database: Engine, clock: FixedClock) -> SqlAuditLog:
    return SqlAuditLog(database, clock)


def record(number: int = 0) -> AuditRecord:
    return AuditRecord(action="test.appended", actor="human:alice", subject="s", payload={"number": number, "x": 1e300})


def test_entries_are_chained_in_a_tree(log: SqlAuditLog, database: Engine) -> None:
    for number in range(11):
        log.append(record(number))
    appended = log.entries()
    assert [entry.record.payload["number"] for entry in appended] == list(range(11))
    assert [entry.sequence for entry in appended] == list(range(11))
    assert appended[0].previous_hash == "0" * 64
    assert all(b.previous_hash == a.leaf_hash for a, b in itertools.pairwise(appended))
    assert log.entries(start=3, limit=2) == appended[3:5]
    leaves = log.leaf_hashes()
    assert log.head() == (11, merkle.root(leaves).hex())
    proof = merkle.inclusion_proof(leaves, 4)
    assert merkle.verify_inclusion(bytes.fromhex(appended[4].leaf_hash), 4, 11, proof, merkle.root(leaves))
    report = verify_log(database)
    assert (report.ok, report.entries, report.root_hash) == (True, 11, log.head().root_hash)


def test_an_empty_log_is_a_log(log: SqlAuditLog, database: Engine) -> None:
    assert log.head() == (0, merkle.EMPTY_ROOT.hex())
    assert verify_log(database).ok


def test_an_entry_shares_the_fate_of_the_callers_transaction(log: SqlAuditLog, database: Engine) -> None:
    class Crash(BaseException):
        pass

    def crash_after_append() -> None:
        with transaction(database) as connection:
            log.append(record(), connection=connection)
            raise Crash

    with pytest.raises(Crash):
        crash_after_append()
    assert log.entries() == []
    with transaction(database) as connection:
        log.append(record(1), connection=connection)
        log.append(record(2), connection=connection)
    assert [entry.record.payload["number"] for entry in log.entries()] == [1, 2]
    assert verify_log(database).ok


def test_many_writers_leave_no_gap(log: SqlAuditLog, database: Engine) -> None:
    def write(worker: int) -> None:
        for number in range(10):
            if number % 2:
                log.append(record(worker * 100 + number))
            else:
                with transaction(database) as connection:
                    log.append(record(worker * 100 + number), connection=connection)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(write, range(8)))
    assert len({entry.record.payload["number"] for entry in log.entries()}) == 80
    report = verify_log(database)
    assert (report.ok, report.entries) == (True, 80), report


@pytest.mark.parametrize(
    "rewrite",
    [
        "UPDATE audit_entries SET actor = 'human:mallory'",
        "DELETE FROM audit_entries WHERE sequence = 1",
        "UPDATE audit_checkpoints SET note = ''",
        "DELETE FROM audit_checkpoints",
        "UPDATE audit_cosignatures SET line = ''",
        "DELETE FROM audit_cosignatures",
    ],
)
def test_the_database_refuses_to_rewrite(log: SqlAuditLog, database: Engine, rewrite: str) -> None:
    log.append(record(0))
    log.append(record(1))
    assert log.head().size == 2
    with database.begin() as connection:
        connection.execute(
            sa.text(
                "INSERT INTO audit_checkpoints (size, signed_at, note) VALUES (2, '2026-11-19T05:51:00+00:00', 'n')"
            )
        )
        connection.execute(
            sa.text(
                "INSERT INTO audit_cosignatures (size, witness, cosigned_at, line) "
                "VALUES (2, 'w', '2026-11-19T05:51:00+00:00', 'l')"
            )
        )
    with pytest.raises(DBAPIError, match="append-only"), database.begin() as connection:
        connection.exec_driver_sql(rewrite)
    assert verify_log(database).problem == "not a checkpoint"
    assert len(log.entries()) == 2


def test_nothing_else_gets_around_the_refusal(log: SqlAuditLog, database: Engine) -> None:
    log.append(record(0))
    columns = "recorded_at, action, actor, subject, payload, previous_hash, leaf_hash, frontier"
    copy = f"INTO audit_entries (sequence, {columns}) SELECT 0, {columns} FROM audit_entries"
    if database.dialect.name == "postgresql":
        attack, answer = "TRUNCATE audit_entries", "append-only"
    else:
        attack, answer = f"INSERT OR REPLACE {copy}", "next sequence only"
    with pytest.raises(DBAPIError, match=answer), database.begin() as connection:
        connection.exec_driver_sql(attack)


@pytest.mark.parametrize("table", triggers.APPEND_ONLY_TABLES)
def test_no_table_is_emptied_or_replaced(log: SqlAuditLog, database: Engine, table: str) -> None:
    with database.begin() as connection:
        for statement in (
            "INSERT INTO audit_checkpoints (size, signed_at, note) VALUES (2, '2026-11-19T05:51:00+00:00', 'n')",
            "INSERT INTO audit_cosignatures (size, witness, cosigned_at, line) "
            "VALUES (2, 'w', '2026-11-19T05:51:00+00:00', 'l')",
            "INSERT INTO audit_intake (recorded_at, action, actor, subject, payload) "
            "VALUES ('2026-11-19T05:51:00+00:00', 'test.appended', 'a', 's', '{}')",
        ):
            connection.execute(sa.text(statement))
    log.append(record(0))
    attack = f"INSERT OR REPLACE INTO {table} SELECT * FROM {table}"
    if database.dialect.name == "postgresql":
        attack = f"TRUNCATE {table}"
    with pytest.raises(DBAPIError, match=r"append-only|next sequence only"), database.begin() as connection:
        connection.exec_driver_sql(attack)


def test_without_the_triggers_the_same_rewrite_goes_through(log: SqlAuditLog, database: Engine) -> None:
    log.append(record(0))
    assert log.head().size == 1
    drop_triggers(database)
    with database.begin() as connection:
        connection.exec_driver_sql("UPDATE audit_entries SET actor = 'human:mallory'")
    assert verify_log(database).first_bad_sequence == 0


def test_the_migrations_statements_build_the_same_guard(log: SqlAuditLog, database: Engine) -> None:
    log.append(record(0))
    assert log.head().size == 1
    drop_triggers(database)
    with database.begin() as connection:
        for _ in range(2):
            for statement in triggers.statements(database.dialect.name):
                connection.exec_driver_sql(statement)
    with pytest.raises(DBAPIError, match="append-only"), database.begin() as connection:
        connection.exec_driver_sql("DELETE FROM audit_entries")


def test_a_log_that_cannot_be_written_says_so(log: SqlAuditLog, database: Engine) -> None:
    table = audit_intake if has_intake(database) else audit_entries
    with database.begin() as connection:
        table.drop(connection)
    with pytest.raises(Unavailable, match=table.name):
        log.append(record())


@pytest.mark.parametrize(
    "bad",
    [
        record().model_copy(update={"subject": "nul \x00"}),
        record().model_copy(update={"actor": "lone \ud800"}),
        record().model_copy(update={"payload": {"nan": float("nan")}}),
        record().model_copy(update={"payload": {"huge": 2**60}}),
    ],
    ids=["nul", "surrogate", "nan", "huge"],
)
def test_what_cannot_be_hashed_faithfully_is_refused(log: SqlAuditLog, bad: AuditRecord) -> None:
    with pytest.raises(InvalidInput):
        log.append(bad)
    assert log.entries() == []


def drop_triggers(database: Engine) -> None:
    """What somebody who owns the database can do."""
    with database.begin() as connection:
        if database.dialect.name == "postgresql":
            for table in triggers.APPEND_ONLY_TABLES:
                connection.exec_driver_sql(f"DROP FUNCTION {table}_refuse() CASCADE")
        else:
            names = connection.exec_driver_sql("SELECT name FROM sqlite_master WHERE type = 'trigger'").scalars().all()
            for name in names:
                connection.exec_driver_sql(f"DROP TRIGGER {name}")
