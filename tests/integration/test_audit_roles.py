"""deploy/audit-role.sql is run as it stands, and each role tries what it may and what it may not."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.exc import DBAPIError

from audit.entry import AuditRecord
from audit.log import SqlAuditLog
from audit.sequencer import integrate
from audit.verify import verify_log
from foundation.clock import FixedClock
from foundation.database import open_database
from foundation.errors import Unavailable
from migrations.upgrade import upgrade_database

pytestmark = pytest.mark.server

SCRIPT = Path(__file__).parents[2] / "deploy" / "audit-role.sql"
ROLES = ("vigia_audit_reader", "vigia_audit_writer", "vigia_audit_sequencer")
RECORD = AuditRecord(action="test.appended", actor="human:alice", subject="s")


@pytest.fixture
def owner(postgres_url: str) -> Iterator[Engine]:
    upgrade_database(postgres_url)
    engine = open_database(postgres_url)
    for _ in range(2):  # it may be run again
        run_script(engine)
    yield engine
    with engine.begin() as connection:
        for role in ROLES:
            connection.exec_driver_sql(f"DROP OWNED BY {role}")
    engine.dispose()


def run_script(engine: Engine) -> None:
    """As psql does: the driver is given no parameters, so that a percent sign is a percent sign."""
    with engine.begin() as connection:
        connection.exec_driver_sql("SELECT 1")
        driver: Any = connection.connection.driver_connection
        driver.execute(SCRIPT.read_text(encoding="utf-8"))


@contextmanager
def connected_as(owner: Engine, role: str) -> Iterator[Engine]:
    engine = open_database(owner.url.render_as_string(hide_password=False))

    @sa.event.listens_for(engine, "begin")
    def become(connection: Connection) -> None:
        connection.exec_driver_sql(f"SET LOCAL ROLE {role}")

    try:
        yield engine
    finally:
        engine.dispose()


def test_each_role_does_its_part_and_the_log_holds(owner: Engine, clock: FixedClock) -> None:
    with connected_as(owner, "vigia_audit_writer") as engine:
        SqlAuditLog(engine, clock).append(RECORD)
        assert verify_log(engine).pending == 1
        log = SqlAuditLog(engine, clock)
        assert (log.head().size, log.entries(), log.leaf_hashes()) == (0, [], []), "readers go on; it waits"
        with pytest.raises(Unavailable, match="permission denied"):
            integrate(engine)
    with connected_as(owner, "vigia_audit_sequencer") as engine:
        assert integrate(engine) == 1
        SqlAuditLog(engine, clock).append(RECORD)
        assert integrate(engine) == 1
    with connected_as(owner, "vigia_audit_reader") as engine:
        report = verify_log(engine)
        assert (report.ok, report.entries, report.pending) == (True, 2, 0)
        with pytest.raises(Unavailable, match="permission denied"):
            SqlAuditLog(engine, clock).append(RECORD)


@pytest.mark.parametrize("role", ROLES)
def test_no_role_rewrites_and_none_can_drop_the_guard(owner: Engine, clock: FixedClock, role: str) -> None:
    log = SqlAuditLog(owner, clock)
    log.append(RECORD)
    assert log.head().size == 1
    log.append(RECORD)
    attacks = [
        f"{verb} {table}{rest}"
        for table in ("audit_entries", "audit_intake", "audit_checkpoints", "audit_cosignatures")
        for verb, rest in (("UPDATE", " SET sequence = 1"), ("DELETE FROM", ""), ("TRUNCATE", ""), ("DROP TABLE", ""))
    ]
    attacks[attacks.index("UPDATE audit_intake SET sequence = 1")] = "UPDATE audit_intake SET actor = ''"
    attacks += [
        "ALTER TABLE audit_entries DISABLE TRIGGER ALL",
        "DROP TRIGGER audit_entries_no_rewrite ON audit_entries",
        "SET LOCAL session_replication_role = replica",
    ]
    # A column that is not there is refused as well, but would show nothing.
    attacks = [a.replace(" SET sequence", " SET size") if "checkpoints" in a or "cosign" in a else a for a in attacks]
    with connected_as(owner, role) as engine:
        for attack in attacks:
            refusal = "permission denied|must be owner|append-only"
            with pytest.raises(DBAPIError, match=refusal), engine.begin() as connection:
                connection.exec_driver_sql(attack)
    report = verify_log(owner)
    assert (report.ok, report.entries, report.pending) == (True, 1, 1)


def test_the_owner_without_the_roles_could(owner: Engine, clock: FixedClock) -> None:
    log = SqlAuditLog(owner, clock)
    log.append(RECORD)
    assert log.head().size == 1
    with owner.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE audit_entries DISABLE TRIGGER ALL")
        connection.exec_driver_sql("UPDATE audit_entries SET actor = 'human:mallory'")
    assert verify_log(owner).first_bad_sequence == 0
