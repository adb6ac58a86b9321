"""Fixtures that every kind of test shares."""

from __future__ import annotations

import fcntl
import os
import shutil
import signal
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, settings
from sqlalchemy.engine import Engine
from sqlalchemy.util import LRUCache

from foundation.clock import FixedClock
from foundation.database import open_database
from foundation.ids import new_id
from migrations.upgrade import upgrade_database

# How fast the machine is, and what else it does, is not what a property is about.
settings.register_profile("vigia", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("vigia")

# A job that a shell started in the background ignores SIGINT, and so would every process that a test starts.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

NIGHT = datetime(2026, 11, 19, 5, 51, tzinfo=UTC)
"""02:51 in São Paulo."""


@pytest.fixture(scope="session", autouse=True)
def statements_compiled_once() -> Iterator[None]:
    """Engines on SQLite share what they have compiled, as every test has an engine of its own: composing the same few
    hundred statements anew for each took a third of their time."""
    create, compiled = sa.create_engine, LRUCache[Any, Any](2000)
    first = create("sqlite://")
    first.connect().close()  # a dialect learns from its first connection what the driver can

    def sharing(url: Any, **options: Any) -> Engine:
        engine = create(url, **options)
        if type(engine.dialect) is type(first.dialect):
            engine.dialect, engine._compiled_cache = first.dialect, compiled
        return engine

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sa, "create_engine", sharing)
        yield


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock(NIGHT)


@pytest.fixture(scope="session")
def migrated_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A SQLite file with every migration applied, to be copied."""
    path = tmp_path_factory.mktemp("schema") / "vigia.db"
    upgrade_database(f"sqlite:///{path}")
    return path


@pytest.fixture
def engine(tmp_path: Path, migrated_database: Path) -> Iterator[Engine]:
    """A fresh SQLite database with the whole schema, built by the migrations."""
    path = tmp_path / "vigia.db"
    shutil.copyfile(migrated_database, path)
    engine = open_database(f"sqlite:///{path}")
    yield engine
    engine.dispose()


@pytest.fixture(scope="session")
def past(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data directory of a company that has just booted, to be copied: booting takes longer than any test of it."""
    from tests.fakes.simulated import write_past

    place = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        place = place.parent  # one for all workers
    directory, written = place / "company", place / "company.written"
    with (place / "company.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not written.exists():
            shutil.rmtree(directory, ignore_errors=True)
            write_past(directory)
            written.touch()
    return directory


@pytest.fixture(autouse=True)
def environment_kept() -> Iterator[None]:
    """A library that changes how every metric of the process works would be found in some other test, much later."""
    before = os.environ.get("PROMETHEUS_MULTIPROC_DIR")
    yield
    after = os.environ.pop("PROMETHEUS_MULTIPROC_DIR", None)
    if before is not None:
        os.environ["PROMETHEUS_MULTIPROC_DIR"] = before
    assert after == before


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[None]:
    """Where servers are required (CI), a test that skips for want of one has failed."""
    report: pytest.TestReport = yield
    required = os.environ.get("VIGIA_TEST_REQUIRE_SERVERS") == "1"
    if required and report.skipped and item.get_closest_marker("server") is not None:
        report.outcome = "failed"
        report.longrepr = f"{item.nodeid} needs a server that is not here: {report.longrepr}"
    return report


@pytest.fixture
def postgres_url() -> Iterator[str]:
    """An empty database of its own on the test server."""
    server = os.environ.get("VIGIA_TEST_POSTGRES_URL")
    if not server:
        pytest.skip("VIGIA_TEST_POSTGRES_URL is not set: apt-get install postgresql, then make test-servers")
    name = new_id("test")
    admin = sa.create_engine(server, isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.execute(sa.text(f'CREATE DATABASE "{name}"'))
    yield sa.make_url(server).set(database=name).render_as_string(hide_password=False)
    with admin.connect() as connection:
        connection.execute(sa.text(f'DROP DATABASE "{name}" WITH (FORCE)'))
    admin.dispose()
