"""The fast way by ranges says what the slow way says, wherever the ranges end and whoever checks them."""

from __future__ import annotations

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy.engine import Engine

from audit import merkle, scan
from audit.entry import AuditRecord
from audit.log import SqlAuditLog
from audit.tables import audit_entries
from audit.verify import verify_log
from foundation.clock import FixedClock
from foundation.errors import Unavailable

SIZE = 23
COLUMNS = [column.name for column in audit_entries.columns if column.name != "sequence"]


@pytest.fixture
def log(engine: Engine, clock: FixedClock) -> SqlAuditLog:
    log = SqlAuditLog(engine, clock)
    log.append_all(
        [
            AuditRecord(
                action="test.appended",
                actor='human:alíce "quoted" \\ \n',
                subject=f"s{number}",
                tenant=None if number % 3 else "br",
                incident_id=f"inc_{number}" if number % 2 else None,
                payload={"n": number, "ação": "→"},
            )
            for number in range(SIZE)
        ]
    )
    with engine.begin() as connection:
        for name in connection.exec_driver_sql("SELECT name FROM sqlite_master WHERE type='trigger'").scalars().all():
            connection.exec_driver_sql(f"DROP TRIGGER {name}")
    return log


@pytest.fixture
def small_ranges(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scan, "RANGE", 5)


@pytest.mark.usefixtures("small_ranges")
@pytest.mark.parametrize("processes", [1, 2])
def test_ranges_hold_together(engine: Engine, log: SqlAuditLog, processes: int) -> None:
    held = scan.scan(engine, frozenset({1, 5, 12, SIZE}), processes=processes)
    assert held is not None
    assert [part.end.size for part in held] == [5, 10, 15, 20, 23]
    leaves = log.leaf_hashes()
    roots = {size: root for part in held for size, root in part.roots.items()}
    assert roots == {size: merkle.root(leaves[:size]).hex() for size in (1, 5, 12, SIZE)}


@pytest.mark.usefixtures("small_ranges")
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    sequence=st.integers(0, SIZE - 1),
    column=st.sampled_from([name for name in COLUMNS if name != "intake_id"]),
)
def test_any_changed_column_is_seen_and_its_entry_named(
    engine: Engine, log: SqlAuditLog, sequence: int, column: str
) -> None:
    where = sa.text(f"UPDATE audit_entries SET {column} = :value WHERE sequence = {sequence}")
    with engine.begin() as connection:
        old = connection.execute(
            sa.text(f"SELECT {column} FROM audit_entries WHERE sequence = {sequence}")
        ).scalar_one()
        changed = b"\0" * 32 if column == "frontier" else "2020-01-01T00:00:00.000000+00:00"
        connection.execute(where, {"value": changed})
    assert scan.scan(engine, frozenset()) is None
    report = verify_log(engine)
    assert (report.ok, report.first_bad_sequence) == (False, sequence), report
    with engine.begin() as connection:
        connection.execute(where, {"value": old})
    assert scan.scan(engine, frozenset()) is not None


@pytest.mark.usefixtures("small_ranges")
@pytest.mark.parametrize("sequence", [4, 7])
@pytest.mark.parametrize(
    "change",
    [
        "recorded_at = 'yesterday'",
        "frontier = 'text'",
        "frontier = 7",
        "frontier = 1.5",
        "actor = x'00ff'",
        "payload = x'7b7d'",
        "tenant = ''",
    ],
)
def test_what_the_log_never_writes_is_named_too(engine: Engine, log: SqlAuditLog, change: str, sequence: int) -> None:
    with engine.begin() as connection:
        connection.exec_driver_sql(f"UPDATE audit_entries SET {change} WHERE sequence = {sequence}")
    report = verify_log(engine)
    assert (report.ok, report.first_bad_sequence) == (False, sequence), report


@pytest.mark.usefixtures("small_ranges")
def test_an_entry_before_the_first_is_seen(engine: Engine, log: SqlAuditLog) -> None:
    columns = ", ".join(COLUMNS)
    with engine.begin() as connection:
        connection.exec_driver_sql(
            f"INSERT INTO audit_entries (sequence, {columns}) SELECT -3, {columns} FROM audit_entries LIMIT 1"
        )
    assert verify_log(engine).first_bad_sequence == 0


@pytest.mark.usefixtures("small_ranges")
@pytest.mark.parametrize("place", ["'zz'", "'22zz'", "x'7a'", "21.5", "9000000000000000000"])
def test_a_place_that_is_none_hides_no_other_change(engine: Engine, log: SqlAuditLog, place: str) -> None:
    """SQLite keeps in a column what it is given, and counts 'zz' + 1 as 1: a log of one entry, which holds."""
    with engine.begin() as connection:
        connection.exec_driver_sql(f"UPDATE audit_entries SET sequence = {place} WHERE sequence = {SIZE - 1}")
    assert scan.scan(engine, frozenset()) is None
    assert verify_log(engine).first_bad_sequence == SIZE - 1
    with engine.begin() as connection:
        connection.exec_driver_sql("UPDATE audit_entries SET subject = 'another' WHERE sequence = 3")
    assert verify_log(engine).first_bad_sequence == 3


def test_a_log_of_nothing_but_such_a_place_does_not_hold(engine: Engine, log: SqlAuditLog) -> None:
    with engine.begin() as connection:
        connection.exec_driver_sql("DELETE FROM audit_entries WHERE sequence > 0")
        connection.exec_driver_sql("UPDATE audit_entries SET sequence = 'zz'")
    assert not verify_log(engine).ok


@pytest.mark.parametrize("change", ["sequence = 'zz'", "frontier = 7", "frontier = 'text'"])
def test_nothing_is_appended_to_an_entry_that_the_log_never_wrote(
    engine: Engine, log: SqlAuditLog, change: str
) -> None:
    with engine.begin() as connection:
        connection.exec_driver_sql(f"UPDATE audit_entries SET {change} WHERE sequence = {SIZE - 1}")
    with pytest.raises(Unavailable, match="newest entry of the audit log was changed"):
        log.append(AuditRecord(action="test.appended", actor="human:alice", subject="s"))
    with engine.connect() as connection:
        assert connection.execute(sa.select(sa.func.count()).select_from(audit_entries)).scalar_one() == SIZE
