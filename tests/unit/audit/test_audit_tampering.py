"""Everything that can be done to a stored log is seen, and the first entry that is wrong is named.

The triggers are dropped first: this is what the owner of the database can do.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy.engine import Connection, Engine

from audit import merkle
from audit.checkpoint import CheckpointSigner
from audit.entry import AuditRecord
from audit.leaf import FIRST_PREVIOUS_HASH, Leaf, iso
from audit.log import SqlAuditLog, split_frontier
from audit.publish import CheckpointPublisher, read_notes
from audit.tables import audit_checkpoints, audit_entries
from audit.verify import verify_log
from foundation.clock import FixedClock

SIZE = 12
entries = audit_entries.c


@pytest.fixture
def signer(tmp_path: Path) -> CheckpointSigner:
    return CheckpointSigner.load_or_create(tmp_path / "keys" / "audit.pem", "vigia.test/audit")


@pytest.fixture
def log(engine: Engine, clock: FixedClock) -> SqlAuditLog:
    log = SqlAuditLog(engine, clock)
    for number in range(SIZE):
        log.append(
            AuditRecord(action="test.appended", actor="human:alice", subject=f"s{number}", payload={"n": number})
        )
    with engine.begin() as connection:
        for name in connection.exec_driver_sql("SELECT name FROM sqlite_master WHERE type='trigger'").scalars().all():
            connection.exec_driver_sql(f"DROP TRIGGER {name}")
    return log


def rewrite_from(connection: Connection, first: int) -> None:
    """The thorough forger: all hashes from entry `first` on computed again, as the log itself would have."""
    previous, frontier = FIRST_PREVIOUS_HASH, ()
    for row in connection.execute(sa.select(audit_entries).order_by(entries.sequence)).mappings().all():
        if row["sequence"] < first:
            previous, frontier = row["leaf_hash"], split_frontier(row["frontier"])
            continue
        values = {name: row[name] for name in Leaf._fields}
        leaf = Leaf(**values | {"recorded_at": iso(row["recorded_at"]), "previous_hash": previous})
        leaf_hash = merkle.leaf_hash(leaf.encoded())
        frontier = merkle.extend(frontier, leaf.sequence, leaf_hash)
        connection.execute(
            sa.update(audit_entries)
            .where(entries.sequence == leaf.sequence)
            .values(previous_hash=previous, leaf_hash=leaf_hash.hex(), frontier=b"".join(frontier))
        )
        previous = leaf_hash.hex()


def edit(column: str, value: object) -> Callable[[Connection], None]:
    return lambda c: c.execute(sa.update(audit_entries).where(entries.sequence == 5).values({column: value})) and None


def edit_with_its_own_hash(connection: Connection) -> None:
    edit("actor", "human:mallory")(connection)
    row = connection.execute(sa.select(audit_entries).where(entries.sequence == 5)).mappings().one()
    leaf = Leaf(**{name: row[name] for name in Leaf._fields} | {"recorded_at": iso(row["recorded_at"])})
    edit("leaf_hash", merkle.leaf_hash(leaf.encoded()).hex())(connection)


def delete(connection: Connection) -> None:
    connection.execute(sa.delete(audit_entries).where(entries.sequence == 5))


def shift_after(connection: Connection, by: int) -> None:
    moved = range(6, SIZE) if by < 0 else range(SIZE - 1, 4, -1)
    for sequence in moved:
        connection.execute(sa.update(audit_entries).where(entries.sequence == sequence).values(sequence=sequence + by))


def delete_and_close_the_gap(connection: Connection) -> None:
    delete(connection)
    shift_after(connection, -1)


def insert(connection: Connection) -> None:
    shift_after(connection, 1)
    row = dict(connection.execute(sa.select(audit_entries).where(entries.sequence == 4)).mappings().one())
    connection.execute(sa.insert(audit_entries).values(row | {"sequence": 5, "actor": "human:mallory"}))


def swap(connection: Connection) -> None:
    for sequence, target in ((5, 100), (8, 5), (100, 8)):
        connection.execute(sa.update(audit_entries).where(entries.sequence == sequence).values(sequence=target))


@pytest.mark.parametrize(
    "attack",
    [
        edit("actor", "human:mallory"),
        edit("tenant", "ar"),
        edit("payload", '{"n":6}'),
        edit("payload", '{"n": 5}'),
        edit("payload", "5"),
        edit("recorded_at", datetime(2020, 1, 1, tzinfo=UTC)),
        edit("leaf_hash", "0" * 64),
        edit("previous_hash", "0" * 64),
        edit("frontier", b""),
        edit_with_its_own_hash,
        delete,
        delete_and_close_the_gap,
        insert,
        swap,
    ],
)
def test_the_first_bad_entry_is_named(engine: Engine, log: SqlAuditLog, attack: Callable[[Connection], None]) -> None:
    assert verify_log(engine).ok
    with engine.begin() as connection:
        attack(connection)
    report = verify_log(engine)
    assert not report.ok
    assert report.first_bad_sequence == 5, report
    assert "5" in (report.problem or "")


def test_a_truncated_log_misses_what_its_checkpoint_promises(
    engine: Engine, clock: FixedClock, log: SqlAuditLog, signer: CheckpointSigner
) -> None:
    CheckpointPublisher(engine, clock, signer).publish()
    with engine.begin() as connection:
        connection.execute(sa.delete(audit_entries).where(entries.sequence >= 9))
    report = verify_log(engine, signer=signer)
    assert (report.ok, report.first_bad_sequence) == (False, 9)
    assert report.problem == ("the log ends after 9 entries, but a checkpoint vouches for 12: entries 9 to 11 are gone")


def test_cutting_off_the_checkpoints_too_is_seen_with_a_copy_outside(
    engine: Engine, clock: FixedClock, log: SqlAuditLog, signer: CheckpointSigner, tmp_path: Path
) -> None:
    copies = tmp_path / "outside" / "checkpoints.txt"
    publisher = CheckpointPublisher(engine, clock, signer, copy_to=copies)
    first = publisher.publish()
    log.append(AuditRecord(action="test.appended", actor="human:alice", subject="last"))
    second = publisher.publish()
    assert publisher.publish() == second
    assert read_notes(copies) == [first, second]
    with engine.begin() as connection:
        connection.execute(sa.delete(audit_entries).where(entries.sequence >= 9))
        connection.execute(sa.delete(audit_checkpoints))
    assert verify_log(engine, signer=signer).ok, "nothing inside the database can show this"
    assert verify_log(engine, signer=signer, notes=read_notes(copies)).first_bad_sequence == 9


def test_a_thorough_rewrite_is_seen_by_the_checkpoints(
    engine: Engine, clock: FixedClock, signer: CheckpointSigner, log: SqlAuditLog
) -> None:
    publisher = CheckpointPublisher(engine, clock, signer)
    publisher.publish()
    for number in range(3):
        log.append(AuditRecord(action="test.appended", actor="human:alice", subject="later", payload={"n": number}))
    publisher.publish()
    with engine.begin() as connection:
        connection.execute(sa.update(audit_entries).where(entries.sequence == 13).values(actor="human:mallory"))
        rewrite_from(connection, 13)
        notes = connection.scalars(sa.select(audit_checkpoints.c.note)).all()
    report = verify_log(engine, signer=signer)
    assert (report.ok, report.first_bad_sequence, report.covered) == (False, 12, 12)
    assert "an entry from 12 to 14 was rewritten" in (report.problem or "")
    with engine.begin() as connection:
        connection.execute(sa.delete(audit_checkpoints))
    assert verify_log(engine).ok, "without a checkpoint a thorough rewrite is a log like any other"
    assert not verify_log(engine, notes=notes).ok


def test_a_forged_checkpoint_does_not_pass(
    engine: Engine, clock: FixedClock, signer: CheckpointSigner, log: SqlAuditLog, tmp_path: Path
) -> None:
    CheckpointPublisher(engine, clock, signer).publish()
    mallory = CheckpointSigner.load_or_create(tmp_path / "mallory.pem", "vigia.test/audit")
    with engine.begin() as connection:
        connection.execute(sa.update(audit_entries).where(entries.sequence == 3).values(actor="human:mallory"))
        rewrite_from(connection, 3)
    forged = mallory.sign(log.head())
    with engine.begin() as connection:
        connection.execute(sa.update(audit_checkpoints).values(note=forged))
    assert verify_log(engine, signer=mallory).ok
    report = verify_log(engine, signer=signer)
    assert not report.ok
    assert "no signature by" in (report.problem or "")


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_flipped_bit_is_seen(engine: Engine, log: SqlAuditLog, data: st.DataObject) -> None:
    sequence = data.draw(st.integers(0, SIZE - 1))
    column = data.draw(st.sampled_from(["action", "actor", "subject", "payload", "previous_hash", "leaf_hash"]))
    with engine.connect() as connection:
        old = str(connection.scalar(sa.select(entries[column]).where(entries.sequence == sequence)))
        connection.rollback()
    at, bit = data.draw(st.integers(0, len(old) - 1)), data.draw(st.integers(0, 6))
    new = old[:at] + chr(ord(old[at]) ^ (1 << bit)) + old[at + 1 :]
    where = sa.update(audit_entries).where(entries.sequence == sequence)
    with engine.begin() as connection:
        connection.execute(where.values({column: new}))
    assert verify_log(engine).first_bad_sequence == sequence
    with engine.begin() as connection:
        connection.execute(where.values({column: old}))
    assert verify_log(engine).ok


def test_leaves_are_hashed_as_rfc_6962_says(log: SqlAuditLog) -> None:
    entry = log.entries()[0]
    payload = '{"n":0}'
    text = (
        f'{{"previous_hash":"{"0" * 64}","record":{{"action":"test.appended","actor":"human:alice","incident_id":null,'
        f'"payload":{payload},"subject":"s0","tenant":null}},"recorded_at":"2026-11-19T05:51:00.000000+00:00","sequence":0}}'
    )
    assert entry.leaf_hash == hashlib.sha256(b"\x00" + text.encode()).hexdigest()
