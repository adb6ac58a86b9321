"""Databases that the contracts of the model registry share: SQLite, and one on the PostgreSQL of the tests."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine

from foundation.clock import FixedClock
from foundation.database import metadata, open_database, transaction
from foundation.ids import new_id
from migrations.upgrade import upgrade_database
from tests.fakes.promoting import MODEL, Promoting

TABLES = (
    "model_gates", "model_tracking", "model_transitions", "model_versions", "resource_changes", "change_events",
    "resources", "job_runs", "materialization_leases",
)  # fmt: skip


@pytest.fixture(scope="package")
def registry_server() -> Iterator[Engine]:
    """One for all: its tables are emptied, not made again, for each test."""
    server = os.environ.get("VIGIA_TEST_POSTGRES_URL")
    if not server:
        pytest.skip("VIGIA_TEST_POSTGRES_URL is not set: apt-get install postgresql, then make test-servers")
    name, admin = new_id("test"), sa.create_engine(server, isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.execute(sa.text(f'CREATE DATABASE "{name}"'))
    url = sa.make_url(server).set(database=name).render_as_string(hide_password=False)
    upgrade_database(url)
    engine = open_database(url)
    yield engine
    engine.dispose()
    with admin.connect() as connection:
        connection.execute(sa.text(f'DROP DATABASE "{name}" WITH (FORCE)'))
    admin.dispose()


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.server)])
def registry_database(request: pytest.FixtureRequest) -> Engine:
    if request.param == "sqlite":
        return request.getfixturevalue("engine")
    engine: Engine = request.getfixturevalue("registry_server")
    with transaction(engine) as connection:
        for name in TABLES:
            connection.execute(sa.delete(metadata.tables[name]))
    return engine


@pytest.fixture
def bench(registry_database: Engine, clock: FixedClock, tmp_path: Path) -> Promoting:
    """Version 1 in production, 2 and 3 in staging."""
    bench = Promoting(registry_database, clock, tmp_path / "models")
    bench.registry.adopt(MODEL, bench.register(), "human:ana")
    bench.staged(seed=2)
    bench.staged(seed=2)
    bench.under_control()
    return bench
