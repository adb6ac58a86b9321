"""Writes into Redis that another writer crosses: looked at again, never lost, never over something newer."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest

from foundation.errors import Unavailable
from platform_core.features.online import redis as module
from platform_core.features.online.port import FeatureRow
from platform_core.features.online.redis import RedisOnlineStore
from platform_core.features.online.redis_names import row_names
from platform_core.features.online.redis_newest import (
    NEVER,
    Newest,
    newest_after,
    newest_name,
    read_newest,
    write_newest,
)
from tests.fakes.online_stores import redis_url

pytestmark = pytest.mark.server
T = datetime(2026, 11, 19, 5, 40, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


@pytest.fixture
def store() -> Iterator[RedisOnlineStore]:
    opened = RedisOnlineStore(redis_url())
    yield opened
    opened.close()


@pytest.fixture
def tenant() -> str:
    return f"t{uuid.uuid4().hex[:8]}"


def row(key: str, minutes: int, amount: float = 0.0) -> FeatureRow:
    return FeatureRow(key, T + minutes * MINUTE, T, {"amount": amount})


def crossing(monkeypatch: pytest.MonkeyPatch, store: RedisOnlineStore, meanwhile: list[Any]) -> None:
    """Before each transaction of `store` the next of `meanwhile` happens."""
    channel: Any = store._channel  # pyright: ignore[reportPrivateUsage]
    transact = channel.transact

    def later(commands: Any) -> bool:
        if meanwhile:
            meanwhile.pop(0)()
        return transact(commands)

    monkeypatch.setattr(channel, "transact", later)


def test_what_was_written_in_between_is_seen(
    store: RedisOnlineStore, tenant: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = RedisOnlineStore(redis_url())
    others = [lambda: other.write(tenant, "v", [row("c1", 9, 9.0)]), lambda: other.write(tenant, "v", [row("c3", 1)])]
    crossing(monkeypatch, store, list(others))
    assert store.write(tenant, "v", [row("c1", 5, 5.0), row("c2", 5, 5.0)]) == 1
    assert {r.key: r.event_ts for r in store.sample(tenant, "v", 9)} == {
        "c1": T + 9 * MINUTE,
        "c2": T + 5 * MINUTE,
        "c3": T + MINUTE,
    }
    assert store.newest_event(tenant, "v") == T + 9 * MINUTE
    other.close()


def test_whoever_never_gets_through_is_told(
    store: RedisOnlineStore, tenant: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    other, minutes = RedisOnlineStore(redis_url()), iter(range(1, 99))
    monkeypatch.setattr(module, "_ATTEMPTS", 3)
    crossing(monkeypatch, store, [lambda: other.write(tenant, "v", [row("c1", next(minutes))])] * 3)
    with pytest.raises(Unavailable, match=r"others write 'v' without a pause"):
        store.write(tenant, "v", [row("c2", 5)])
    assert [r.key for r in store.sample(tenant, "v", 9)] == ["c1"]
    other.close()


def test_processes_that_write_the_same_view_at_once_leave_the_newest(tenant: str) -> None:
    def work(start: int) -> None:
        mine = RedisOnlineStore(redis_url())
        for step in range(start, 60, 6):
            mine.write(tenant, "v", [row(f"c{key}", step, float(step)) for key in range(20)])
        mine.close()

    threads = [threading.Thread(target=work, args=(start,)) for start in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    store = RedisOnlineStore(redis_url())
    assert {r.values["amount"] for r in store.sample(tenant, "v", 99)} == {59.0}
    assert store.newest_event(tenant, "v") == T + 59 * MINUTE
    store.close()


def test_a_restored_view_is_looked_through_once(
    store: RedisOnlineStore, tenant: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    view = "v[*]?\\"  # none of it is a pattern
    store.write(tenant, view, [row(f"c{i}", i) for i in range(2500)])
    store.write(tenant, "vx", [row("c", 9999)])
    store.restore(tenant, view, [row(f"c{i}", -1) for i in range(2000, 2500)])
    store.write(tenant, view, [row("c0", 1998), row("new", 3)])
    looks: list[str] = []
    look = store._greatest_event  # pyright: ignore[reportPrivateUsage]
    monkeypatch.setattr(store, "_greatest_event", lambda prefix: looks.append(prefix) or look(prefix))
    other = RedisOnlineStore(redis_url())
    crossing(monkeypatch, store, [lambda: other.write(tenant, view, [row("c1", 2222)])])
    assert store.newest_event(tenant, view) == T + 1999 * MINUTE  # as it was when it was asked
    assert store.newest_event(tenant, view) == T + 2222 * MINUTE
    assert len(looks) == 1
    other.close()


def forget_newest(store: RedisOnlineStore, tenant: str) -> None:
    client = store._redis  # pyright: ignore[reportPrivateUsage]
    for name in client.scan_iter(f"vigia:newest:*{tenant}*"):
        client.delete(name)


@pytest.mark.parametrize("key", ["c2", "new", None])
def test_a_newest_that_was_lost_is_found_again(store: RedisOnlineStore, tenant: str, key: str | None) -> None:
    """As are the rows that were written before there was such a key, whichever row is written first."""
    store.write(tenant, "v", [row("c1", 9), row("c2", 1)])
    forget_newest(store, tenant)
    if key is not None:
        store.write(tenant, "v", [row(key, 2)])
    assert store.newest_event(tenant, "v") == T + 9 * MINUTE
    known = store._redis.get(newest_name(tenant, "v"))  # pyright: ignore[reportPrivateUsage]
    assert known is not None, "it is kept"
    assert store.newest_event(tenant, "other") is None


def test_a_newest_that_was_lost_is_not_kept_over_what_was_written_meanwhile(
    store: RedisOnlineStore, tenant: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = RedisOnlineStore(redis_url())
    store.write(tenant, "v", [row("c1", 9), row("c2", 1)])
    forget_newest(store, tenant)
    crossing(monkeypatch, store, [lambda: other.restore(tenant, "v", [row("c1", 0)])])
    assert store.newest_event(tenant, "v") == T + 9 * MINUTE  # as it was when it was asked
    assert store.newest_event(tenant, "v") == T + MINUTE
    other.close()


def test_what_was_watched_on_a_closed_connection_is_not_written_on_another(
    store: RedisOnlineStore, tenant: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another thread closes the store, and somebody writes: nothing would be watched on a new connection."""
    other = RedisOnlineStore(redis_url())

    def meanwhile() -> None:
        other.write(tenant, "v", [row("c1", 9)])
        store.close()

    crossing(monkeypatch, store, [meanwhile])
    with pytest.raises(Unavailable, match="closed"):
        store.write(tenant, "v", [row("c1", 5)])
    assert [r.event_ts for r in store.sample(tenant, "v", 9)] == [T + 9 * MINUTE]
    other.close()


def test_a_row_that_is_none_is_told(store: RedisOnlineStore, tenant: str) -> None:
    store.write(tenant, "v", [row("c1", 1)])
    (name,) = row_names(tenant, [("v", ["c1"])])
    store._redis.set(name, b"short")  # pyright: ignore[reportPrivateUsage]
    with pytest.raises(Unavailable, match="an online row of 5 bytes is cut short"):
        store.write(tenant, "v", [row("c1", 2), row("c2", 2)])


@pytest.mark.parametrize(
    ("known", "event", "replaced", "us", "unknown"),
    [
        (None, [5], [NEVER], 5, False),
        (None, [5], [3], 5, True),
        (Newest(9), [5, 11], [NEVER, 4], 11, False),
        (Newest(9), [5], [4], 9, False),
        (Newest(9), [5], [8], 9, False),  # a later row gave way, but not the newest
        (Newest(9), [5], [9], 5, True),
        (Newest(9), [5, 12], [9, 3], 12, False),
        (Newest(9, "t"), [5], [NEVER], 9, True),
    ],
)
def test_the_newest_is_known_while_it_can_be(
    known: Newest | None, event: list[int], replaced: list[int], us: int, unknown: bool
) -> None:
    before = known is not None
    after = newest_after(known, np.array(event, np.int64), np.array(replaced, np.int64), written_before=before)
    assert (after.us, bool(after.token)) == (us, unknown)
    assert read_newest(write_newest(after).encode()) == after


def test_a_newest_that_is_lost_again_is_another_one() -> None:
    after = newest_after(Newest(9, "t"), np.array([5]), np.array([7]), written_before=True)
    assert (after.us, after.token == "t") == (5, False)
