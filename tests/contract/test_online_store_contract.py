"""Every online store means the same: one suite over all of them."""

from __future__ import annotations

import os
import threading
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from foundation.errors import Unavailable
from platform_core.features.online.port import FeatureRow, OnlineStore
from platform_core.features.online.redis import RedisOnlineStore
from platform_core.features.online.sqlite import SqliteOnlineStore

T = datetime(2026, 11, 19, 5, 40, 0, 123456, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
TTLS = {"card_velocity": timedelta(hours=24)}


@pytest.fixture(params=["sqlite", pytest.param("redis", marks=pytest.mark.server)])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[OnlineStore]:
    if request.param == "sqlite":
        yield SqliteOnlineStore(tmp_path / "online.db")
        return
    url = os.environ.get("VIGIA_TEST_REDIS_URL")
    if not url:
        pytest.skip("needs a Redis: apt-get install redis-server, start it, set VIGIA_TEST_REDIS_URL")
    redis = RedisOnlineStore(url)
    yield redis
    redis.close()


@pytest.fixture
def tenant() -> str:
    """Fresh each time: a server keeps what earlier tests wrote."""
    return f"t{uuid.uuid4().hex[:8]}"


def row(key: str, amount: float | None, at: datetime = T, created: datetime = T) -> FeatureRow:
    return FeatureRow(key, at, created, {"count": 3.0, "amount": amount, "mean": 0.1})


def amount(store: OnlineStore, tenant: str, key: str, *, now: datetime = T) -> float | None:
    return store.read(tenant, [("card_velocity", key)], now=now, ttls=TTLS)[0].values["amount"]


def test_reads_back_exactly_what_was_written(store: OnlineStore, tenant: str) -> None:
    assert store.write(tenant, "card_velocity", [row("c1", 0.1 + 0.2), row("c2", None)]) == 2
    first, missing, second = store.read(
        tenant, [("card_velocity", "c1"), ("card_velocity", "c9"), ("card_velocity", "c2")], now=T, ttls=TTLS
    )
    assert (first.status, first.key, first.event_ts) == ("present", "c1", T)
    assert dict(first.values) == {"count": 3.0, "amount": 0.1 + 0.2, "mean": 0.1}
    assert (missing.status, missing.event_ts, dict(missing.values)) == ("missing", None, {})
    assert second.values["amount"] is None


def test_reads_several_views_at_once(store: OnlineStore, tenant: str) -> None:
    store.write(tenant, "card_velocity", [row("x", 1.0)])
    store.write(tenant, "device_risk", [FeatureRow("x", T, T, {"cards": 7.0})])
    cards, devices = store.read(tenant, [("card_velocity", "x"), ("device_risk", "x")], now=T, ttls=TTLS)
    assert (cards.values["amount"], dict(devices.values)) == (1.0, {"cards": 7.0})


def test_reading_nothing_is_nothing(store: OnlineStore, tenant: str) -> None:
    assert store.read(tenant, [], now=T, ttls=TTLS) == []


@pytest.mark.parametrize(
    ("at", "created", "wins"),
    [
        (T + MINUTE, T - MINUTE, True),
        (T, T + MINUTE, True),
        (T, T, False),
        (T, T - MINUTE, False),
        (T - MINUTE, T + MINUTE, False),
    ],
)
def test_newest_event_then_newest_created_wins(
    store: OnlineStore, tenant: str, at: datetime, created: datetime, wins: bool
) -> None:
    store.write(tenant, "card_velocity", [row("c1", 1.0)])
    assert store.write(tenant, "card_velocity", [row("c1", 2.0, at, created)]) == int(wins)
    assert amount(store, tenant, "c1") == (2.0 if wins else 1.0)


def test_within_one_write_the_newest_wins_in_any_order(store: OnlineStore, tenant: str) -> None:
    store.write(tenant, "card_velocity", [row("c1", 2.0, T + MINUTE), row("c1", 1.0, T)])
    assert amount(store, tenant, "c1") == 2.0


def test_restore_sets_older_rows_and_writing_goes_on_from_there(store: OnlineStore, tenant: str) -> None:
    store.write(tenant, "card_velocity", [row("c1", 100.0)])
    assert store.restore(tenant, "card_velocity", [row("c1", 1.0, T - MINUTE)]) == 1
    assert amount(store, tenant, "c1") == 1.0
    assert store.newest_event(tenant, "card_velocity") == T - MINUTE
    assert store.write(tenant, "card_velocity", [row("c1", 2.0, T - MINUTE / 2)]) == 1
    assert amount(store, tenant, "c1") == 2.0


def test_an_expired_row_hides_its_values_and_tells_its_age(store: OnlineStore, tenant: str) -> None:
    store.write(tenant, "card_velocity", [row("c1", 1.0)])
    keys = [("card_velocity", "c1")]
    assert store.read(tenant, keys, now=T + timedelta(hours=24), ttls=TTLS)[0].status == "present"
    late = store.read(tenant, keys, now=T + timedelta(hours=24, microseconds=1), ttls=TTLS)[0]
    assert (late.status, late.event_ts, dict(late.values)) == ("expired", T, {})
    assert store.read(tenant, keys, now=T + timedelta(days=99), ttls={})[0].status == "present"


def test_tenants_do_not_see_each_other(store: OnlineStore, tenant: str) -> None:
    store.write(tenant, "card_velocity", [row("c1", 1.0)])
    other = f"{tenant}x"
    assert store.read(other, [("card_velocity", "c1")], now=T, ttls=TTLS)[0].status == "missing"
    assert store.newest_event(other, "card_velocity") is None
    assert store.sample(other, "card_velocity", 10) == []


def test_newest_event_is_the_newest_of_the_view(store: OnlineStore, tenant: str) -> None:
    store.write(tenant, "card_velocity", [row("c1", 1.0, T), row("c2", 1.0, T + MINUTE)])
    store.write(tenant, "device_risk", [row("d1", 1.0, T + 9 * MINUTE)])
    assert store.newest_event(tenant, "card_velocity") == T + MINUTE


def test_sample_gives_the_most_recently_written(store: OnlineStore, tenant: str) -> None:
    store.write(tenant, "card_velocity", [row("c1", 1.0, T + 5 * MINUTE)])
    store.write(tenant, "card_velocity", [row("c2", 2.0, T, T + MINUTE)])
    assert store.sample(tenant, "card_velocity", 1) == [row("c2", 2.0, T, T + MINUTE)]
    assert {r.key for r in store.sample(tenant, "card_velocity", 10)} == {"c1", "c2"}


def test_rows_from_before_a_view_gained_a_feature_are_still_read(store: OnlineStore, tenant: str) -> None:
    store.write(tenant, "v", [FeatureRow("k1", T, T, {"a": 1.0})])
    store.write(tenant, "v", [FeatureRow("k2", T, T, {"a": 2.0, "b": None})])
    old, new = store.read(tenant, [("v", "k1"), ("v", "k2")], now=T, ttls={})
    assert (dict(old.values), dict(new.values)) == ({"a": 1.0}, {"a": 2.0, "b": None})


def test_keys_may_hold_any_character(store: OnlineStore, tenant: str) -> None:
    store.write(tenant, "v", [FeatureRow("a:b'ç\n", T, T, {"a": 1.0})])
    assert store.read(tenant, [("v", "a:b'ç\n")], now=T, ttls={})[0].values == {"a": 1.0}


def test_threads_writing_the_same_key_leave_the_newest(store: OnlineStore, tenant: str) -> None:
    def work(start: int) -> None:
        for step in range(start, 40, 4):
            store.write(tenant, "card_velocity", [row("c1", float(step), T + step * MINUTE)])

    threads = [threading.Thread(target=work, args=(start,)) for start in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert amount(store, tenant, "c1") == 39.0


def test_two_sqlite_processes_share_the_file(tmp_path: Path) -> None:
    writer, reader = SqliteOnlineStore(tmp_path / "o.db"), SqliteOnlineStore(tmp_path / "o.db")
    writer.write("br", "card_velocity", [row("c1", 1.0)])
    assert amount(reader, "br", "c1") == 1.0


def test_an_unusable_file_is_unavailable(tmp_path: Path) -> None:
    (tmp_path / "o.db").write_bytes(b"not a database, but long enough to be taken for one" * 100)
    with pytest.raises(Unavailable, match=r"o\.db"):
        SqliteOnlineStore(tmp_path / "o.db")


def test_a_redis_that_is_not_there_is_unavailable() -> None:
    with pytest.raises(Unavailable, match="Redis"):
        RedisOnlineStore("redis://127.0.0.1:1/0").newest_event("br", "v")
