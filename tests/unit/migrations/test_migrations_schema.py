"""The migrations build what the tables modules say, on both databases, and the audit log's triggers with it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.exc import DBAPIError

from foundation.database import open_database, reading, transaction
from migrations.schema import target_metadata
from migrations.upgrade import upgrade_connection, upgrade_database


def differences(connection: Connection) -> list[object]:
    context = MigrationContext.configure(connection, opts={"compare_type": True})
    return [d for d in compare_metadata(context, target_metadata()) if "alembic_version" not in str(d)]


def test_sqlite_agrees_with_the_tables(engine: Engine) -> None:
    with reading(engine) as connection:
        assert differences(connection) == []


def test_upgrading_twice_changes_nothing(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'twice.db'}"
    before, after = upgrade_database(url)
    assert before is None
    assert upgrade_database(url) == (after, after)


def refused(engine: Engine) -> None:
    insert = sa.text(
        "INSERT INTO audit_checkpoints (size, signed_at, note) VALUES (1, '2026-11-19T05:51:00.000000+00:00', 'n')"
    )
    with transaction(engine) as connection:
        connection.execute(insert)
    for statement in ("UPDATE audit_checkpoints SET note = 'x'", "DELETE FROM audit_checkpoints"):
        with pytest.raises(DBAPIError, match="append-only"), transaction(engine) as connection:
            connection.execute(sa.text(statement))


def test_the_audit_log_refuses_to_be_rewritten_on_sqlite(engine: Engine) -> None:
    refused(engine)


@pytest.fixture
def postgres(postgres_url: str) -> Iterator[Engine]:
    engine = open_database(postgres_url)
    yield engine
    engine.dispose()


@pytest.mark.server
def test_postgresql_agrees_with_the_tables(postgres: Engine) -> None:
    with transaction(postgres) as connection:
        upgrade_connection(connection)
    with reading(postgres) as connection:
        assert differences(connection) == []
    refused(postgres)
