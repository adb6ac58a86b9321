"""Every store says whose environment's it is, and a process of another one does not get it open: one suite over all.

Opened as the processes open them, by the settings alone.
"""

from __future__ import annotations

import sqlite3
import tempfile
import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine

from foundation.clock import FixedClock
from foundation.errors import Conflict, Unavailable
from interfaces.bootstrap.environments import require_own_stores
from interfaces.bootstrap.platform import online_store
from interfaces.settings import Settings
from platform_core.features.online.dynamodb import DynamoOnlineStore
from platform_core.features.online.rows import FeatureRow
from platform_core.features.online.sqlite import SqliteOnlineStore
from platform_core.operations.tables import store_stamps
from tests.fakes.fresh_database import fresh_database
from tests.fakes.online_stores import dynamodb_url, redis_url

Opened = Callable[..., None]
"""Opens the one store of a test for an environment, with settings of its own."""

ONLINE = ["sqlite", "feast", "dynamodb", pytest.param("redis", marks=pytest.mark.server)]
DATABASES = ["sqlite database", pytest.param("postgresql database", marks=pytest.mark.server)]
STORES = ["data directory", *DATABASES, *ONLINE]


@pytest.fixture
def opened(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Opened]:
    # moto takes its time over the first question, and a store that does not answer is let pass.
    patient = partial(DynamoOnlineStore.connect, timeout_s=30)
    monkeypatch.setattr(DynamoOnlineStore, "connect", patient)
    with _opening(request.param, tmp_path) as opening:
        yield opening


@contextmanager
def _opening(kind: str, directory: Path) -> Iterator[Opened]:
    (directory / "data").mkdir()
    if kind == "data directory":
        with fresh_database("sqlite", directory) as engine:
            yield _own_stores(engine, lambda: directory / "data", stamped=False)
    elif kind in ("sqlite database", "postgresql database"):
        with fresh_database("sqlite" if kind.startswith("sqlite") else "postgresql", directory) as engine:
            yield _own_stores(engine, lambda: Path(tempfile.mkdtemp(dir=directory)), stamped=True)
    else:
        with _online(kind, directory) as opening:
            yield opening


def _own_stores(engine: Engine, data_dir: Callable[[], Path], *, stamped: bool) -> Opened:
    """`stamped`: the database is what is looked at; every opening has a directory of its own. Otherwise the directory,
    and the database forgets."""

    def open_base(environment: str, **other: object) -> None:
        if not stamped:
            with engine.begin() as connection:
                connection.execute(sa.delete(store_stamps))
        settings = Settings.model_validate({"data_dir": data_dir(), "environment": environment, **other})
        require_own_stores(settings, engine, FixedClock(datetime(2026, 11, 19, tzinfo=UTC)))

    return open_base


@contextmanager
def _online(kind: str, directory: Path) -> Iterator[Opened]:
    online: dict[str, Any] = {"kind": kind}
    if kind == "feast":
        online["url"] = str(_feast(directory / "feast"))
    elif kind == "dynamodb":
        online |= {"table": f"stamped-{uuid.uuid4().hex}", "region": "sa-east-1", "url": dynamodb_url()}
    elif kind == "redis":
        online["url"] = f"{redis_url().rpartition('/')[0]}/7"
        _flush(online["url"])

    def open_online(environment: str, **other: object) -> None:
        given = {"data_dir": directory / "data", "environment": environment, "online": online}
        online_store(Settings.model_validate({**given, **other}))

    yield open_online
    if kind == "redis":
        _flush(online["url"])


def _feast(repository: Path) -> Path:
    """As far as its online store goes; `test_feast_repository` claims one that Feast made."""
    (repository / "data").mkdir(parents=True)
    (repository / "feature_store.yaml").write_text(
        "project: shop\nonline_store: {type: sqlite, path: data/online.db}\n"
    )
    sqlite3.connect(repository / "data" / "online.db").close()
    (repository / "data" / "online.db").touch()
    return repository


def _flush(url: str) -> None:
    import redis

    with redis.Redis.from_url(url) as client:
        client.flushdb()


@pytest.mark.parametrize("opened", STORES, indirect=True)
def test_it_is_that_of_whoever_opened_it_first(opened: Opened) -> None:
    opened("staging")
    opened("staging")
    for other in ("production", "dev"):
        with pytest.raises(Conflict, match=rf"is that of staging, and VIGIA__ENVIRONMENT is {other} \(.*SHARED_STORES"):
            opened(other)
    opened("production", shared_stores=True)
    opened("staging")


@pytest.mark.parametrize("opened", STORES, indirect=True)
def test_what_is_shared_on_purpose_is_not_stamped(opened: Opened) -> None:
    opened("dev", shared_stores=True)
    opened("production")


@pytest.mark.parametrize("opened", ["data directory", *ONLINE], indirect=True)
def test_of_several_that_open_it_at_once_one_environment_gets_it(opened: Opened) -> None:
    barrier, outcomes = threading.Barrier(6), list[tuple[str, bool]]()

    def start(environment: str) -> None:
        barrier.wait()
        try:
            opened(environment)
        except Conflict:
            outcomes.append((environment, False))
        else:
            outcomes.append((environment, True))

    threads = [threading.Thread(target=start, args=(name,)) for name in ("dev", "staging", "production") * 2]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({name for name, got_in in outcomes if got_in}) == 1
    assert sorted(got_in for _, got_in in outcomes) == [False] * 4 + [True] * 2


def test_a_copy_of_the_online_file_is_still_that_environments(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
    online_store(Settings(data_dir=tmp_path / "a", environment="production"))
    with (
        closing(sqlite3.connect(tmp_path / "a" / "online.db")) as there,
        closing(sqlite3.connect(tmp_path / "b" / "online.db")) as here,
    ):
        there.backup(here)
    with pytest.raises(Conflict, match=r"the online store .*online.db is that of production"):
        online_store(Settings(data_dir=tmp_path / "b", environment="staging"))


@pytest.mark.parametrize("other", ["production", "staging"])
def test_one_that_was_away_is_asked_before_the_first_write(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, other: str
) -> None:
    (tmp_path / "data").mkdir()
    settings = Settings.model_validate({"data_dir": tmp_path / "data", "environment": other})
    online_store(Settings.model_validate({"data_dir": tmp_path / "data", "environment": "production"}))

    def away(_: SqliteOnlineStore, environment: str) -> str:
        raise Unavailable(f"nobody answers {environment}")

    with monkeypatch.context() as patching:
        patching.setattr(SqliteOnlineStore, "claim", away)
        store = online_store(settings)
        now = datetime.now(UTC) - timedelta(minutes=1)
        row = FeatureRow("c1", now, now, {"amount": 1.0})
        with pytest.raises(Unavailable, match="nobody answers"):
            store.write("br", "v", [row])
    if other == "production":
        assert store.write("br", "v", [row]) == 1
        return
    for _ in range(2):
        with pytest.raises(Conflict, match="is that of production"):
            store.write("br", "v", [row])
    assert store.sample("br", "v", 9) == []
