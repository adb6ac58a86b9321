"""Every online store means the same: one suite over all of them."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import permutations
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from foundation.clock import FixedClock
from foundation.errors import InvalidInput, Unavailable
from platform_core.features.clock_skew import MAX_CLOCK_SKEW
from platform_core.features.online.port import FeatureRow, OnlineStore
from platform_core.features.online.redis import RedisOnlineStore
from platform_core.features.online.sqlite import SqliteOnlineStore
from platform_core.features.values import FeatureValue
from tests.fakes.online_stores import STORES, online_store

T = datetime(2026, 11, 19, 5, 40, 0, 123456, tzinfo=UTC)
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
TTLS = {"card_velocity": timedelta(hours=24)}


@pytest.fixture(params=STORES)
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[OnlineStore]:
    with online_store(request.param, tmp_path) as opened:
        yield opened


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


def test_views_are_read_for_many_entities_at_once(store: OnlineStore, tenant: str) -> None:
    store.write(tenant, "card_velocity", [row(f"c{i}", float(i), T - i * HOUR) for i in range(30)])
    store.write(tenant, "device_risk", [FeatureRow("d", T, T, {"cards": None})])
    keys = [f"c{i}" for i in range(29, -1, -1)] + ["nobody", "c1", "c1"]
    wanted = [("card_velocity", keys), ("device_risk", ["d", "e"])]
    cards, devices = store.read_views(tenant, wanted, now=T, ttls=TTLS)
    (count, amounts, _), (_, statuses, unknown) = cards.columns(["count", "amount", "added_later"])
    assert amounts == [None] * 5 + [float(i) for i in range(24, -1, -1)] + [None, 1.0, 1.0]
    assert statuses == ["expired"] * 5 + ["present"] * 25 + ["missing", "present", "present"]
    assert count[5:30] == [3.0] * 25
    assert unknown == ["expired"] * 5 + ["null"] * 25 + ["missing", "null", "null"]
    assert cards.event_times()[:2] == [T - 29 * HOUR, T - 28 * HOUR]
    assert cards.event_times()[-3:] == [None, T - HOUR, T - HOUR]
    assert devices.columns(["cards"]) == ([[None, None]], [["null", "missing"]])
    assert [len(b) for b in store.read_views(tenant, [("card_velocity", [])], now=T, ttls={})] == [0]


@pytest.mark.parametrize("numeric", [True, False])
def test_a_table_is_written_as_its_rows_would_be(store: OnlineStore, tenant: str, numeric: bool) -> None:
    stamp = pa.timestamp("ns", "America/Sao_Paulo")
    times = [T, T - HOUR, T, T + MINUTE]
    written: dict[str, Any] = {
        "tenant": pa.array(["someone else's"] * 4),
        "key": pa.array(["c1", "c2", "c1", "c2"]),
        "event_ts": pa.array(times, pa.timestamp("us", "UTC")).cast(stamp),
        "created_ts": pa.array([T, T, T, T], pa.timestamp("us", "UTC")),
        "amount": pa.array([1.0, 2.0, 3.0, None]),
        "count": pa.array([1.5, 2.5, 3.5, 4.5]),
    }
    if not numeric:
        written["country"] = pa.array(["BR", None, "AR", "CL"])
    table = pa.table(written)
    assert store.write_table(tenant, "card_velocity", table) == 2
    assert store.write_table(tenant, "card_velocity", table) == 0
    found = {r.key: r for r in store.sample(tenant, "card_velocity", 9)}
    other = {} if numeric else {"country": "AR"}
    assert found["c1"] == FeatureRow("c1", T, T, {"amount": 3.0, "count": 3.5, **other})  # of equals the greater
    assert found["c2"].event_ts == T + MINUTE
    assert dict(found["c2"].values) == {"amount": None, "count": 4.5} | ({} if numeric else {"country": "CL"})


@pytest.mark.parametrize(
    ("column", "values", "said"),
    [
        ("amount", pa.array([1.0, float("nan")]), r"key 'c2', feature 'amount': nan is not a finite"),
        ("key", pa.array(["c1", None]), "row 2 has no 'key'"),
        ("event_ts", pa.array([T, T]).cast(pa.timestamp("us")), "'event_ts' is timestamp"),
        ("created_ts", None, "lack the column 'created_ts'"),
    ],
)
def test_a_table_that_cannot_be_kept_is_refused_whole(
    store: OnlineStore, tenant: str, column: str, values: Any, said: str
) -> None:
    columns: dict[str, Any] = {"key": ["c1", "c2"], "event_ts": [T, T], "created_ts": [T, T], "amount": [1.0, 2.0]}
    columns[column] = values
    table = pa.table({name: given for name, given in columns.items() if given is not None})
    with pytest.raises(InvalidInput, match=said):
        store.write_table(tenant, "v", table)
    assert store.sample(tenant, "v", 9) == []


@pytest.mark.parametrize("rows", [2, 40])
def test_every_type_comes_back_as_it_was(store: OnlineStore, tenant: str, rows: int) -> None:
    values: dict[str, FeatureValue] = {
        "f": -0.1,
        "i": (1 << 63) - 1,
        "b": True,
        "t": T - timedelta(days=20_000),
        "n": None,
        "s": "ação \U0001f926\0",
        "s2": "",
    }
    numeric = {name: values[name] for name in ("f", "i", "b", "t", "n")}
    for view, written in (("all", values), ("numeric", numeric)):
        nulls = dict.fromkeys(written)
        batch = [FeatureRow(f"k{i}", T, T, nulls if i == 1 else written) for i in range(rows)]
        assert store.write(tenant, view, batch) == rows
        read = store.read_views(tenant, [(view, [r.key for r in batch])], now=T, ttls={})[0]
        for name, column in zip(written, read.columns(list(written)).values, strict=True):
            expected = [written[name]] * rows
            expected[1] = None
            assert column == expected
            assert {type(v) for v in column} == {type(written[name]), type(None)}
        assert store.sample(tenant, view, 1)[0].values.keys() == written.keys()
        assert dict(store.read(tenant, [(view, "k0")], now=T, ttls={})[0].values) == written


@pytest.mark.parametrize(
    ("value", "said"), [(float("nan"), "finite"), (float("-inf"), "null"), (1 << 63, "64 bits"), ([1.0], "list")]
)
def test_what_cannot_be_kept_is_refused_by_name_and_nothing_is_stored(
    store: OnlineStore, tenant: str, value: Any, said: str
) -> None:
    bad = FeatureRow("c2", T, T, {"amount": value})
    with pytest.raises(InvalidInput, match=rf"'amount'.*{said}"):
        store.write(tenant, "v", [FeatureRow("c1", T, T, {"amount": None}), bad])
    with pytest.raises(InvalidInput, match=r"'c2'.*zone"):
        store.write(tenant, "v", [row("c1", 1.0), row("c2", 1.0, datetime(2026, 11, 19))])  # noqa: DTZ001  the point
    assert store.read(tenant, [("v", "c1")], now=T, ttls={})[0].status == "missing"


def test_scopes_that_look_alike_do_not_meet(store: OnlineStore, tenant: str) -> None:
    pairs = [(f"{tenant}", "a:v"), (f"{tenant}:a", "v"), (f"{tenant}:a:v", ""), (tenant, "a")]
    for number, (name, view) in enumerate(pairs):
        store.write(name, view, [FeatureRow(k, T, T, {"x": float(number)}) for k in ("v:k", "k")])
    for number, (name, view) in enumerate(pairs):
        assert [r.values["x"] for r in store.read(name, [(view, "v:k"), (view, "k")], now=T, ttls={})] == [number] * 2
        assert len(store.sample(name, view, 10)) == 2


@pytest.mark.parametrize("kind", STORES)
def test_a_row_from_the_future_is_refused_and_blocks_nobody(
    kind: str, tmp_path: Path, tenant: str, caplog: pytest.LogCaptureFixture
) -> None:
    clock = FixedClock(T)
    far = T + timedelta(days=365)
    with online_store(kind, tmp_path, clock=clock) as store, online_store(kind, tmp_path) as unguarded:
        batch = [row("c1", 9.0, far), row("c1", 1.0, T), row("c2", 9.0, T + MAX_CLOCK_SKEW), row("c3", 9.0, far)]
        assert store.write(tenant, "card_velocity", batch) == 2
        assert (amount(store, tenant, "c1"), amount(store, tenant, "c2")) == (1.0, 9.0)
        assert store.read(tenant, [("card_velocity", "c3")], now=T, ttls={})[0].status == "missing"
        assert store.refused == {(tenant, "card_velocity"): 2}
        table = {"key": ["c1", "c9"], "event_ts": [far, far], "created_ts": [T, T], "amount": [1.0, 2.0]}
        assert store.write_table(tenant, "card_velocity", pa.table(table)) == 0
        assert store.refused == {(tenant, "card_velocity"): 4}
        assert "refused 2 rows of card_velocity" in caplog.text
        # one that got in by a writer without a clock gives way
        unguarded.write(tenant, "card_velocity", [row("c1", 9.0, far)])
        clock.advance(MINUTE)
        assert store.write(tenant, "card_velocity", [row("c1", 2.0, T + MINUTE)]) == 1
        assert amount(store, tenant, "c1") == 2.0
        assert store.write(tenant, "card_velocity", [row("c1", 3.0, T)]) == 0


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


@pytest.mark.parametrize("numeric", [True, False])
def test_a_tie_within_a_write_is_settled_by_the_values_in_any_order(
    store: OnlineStore, tenant: str, numeric: bool
) -> None:
    text = None if numeric else "text"
    tied = [{"b": 9.0, "a": 1.0, "c": text}, {"b": None, "a": 2.0, "c": text}, {"b": 99.0, "a": None, "c": text}]
    for number, order in enumerate(permutations(tied)):
        rows, view = [FeatureRow("x", T, T, values) for values in order], f"v{number}"
        columns = {name: [row.values[name] for row in rows] for name in ("b", "a", "c") if name != "c" or not numeric}
        table = pa.table({"key": ["x"] * 3, "event_ts": [T] * 3, "created_ts": [T] * 3, **columns})
        assert store.write(tenant, view, rows) == store.write_table(tenant, f"{view} table", table) == 1
        for name in (view, f"{view} table"):
            (kept,) = store.sample(tenant, name, 9)
            assert (kept.values["a"], kept.values["b"]) == (2.0, None)
        assert store.write(tenant, view, [FeatureRow("x", T, T, {"a": 3.0, "b": 9.0, "c": text})]) == 0


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


@pytest.mark.parametrize("rows", [1, 3, 40])
def test_the_last_moment_of_the_ttl_is_shown_in_batches_too(store: OnlineStore, tenant: str, rows: int) -> None:
    keys = [f"c{i}" for i in range(rows)]
    store.write(tenant, "card_velocity", [row(key, 1.0) for key in keys])
    for late, status in ((timedelta(0), "present"), (timedelta(microseconds=1), "expired")):
        batch = store.read_views(tenant, [("card_velocity", keys)], now=T + 24 * HOUR + late, ttls=TTLS)[0]
        values, statuses = batch.columns(["amount"])
        assert statuses == [[status] * rows]
        assert values == [[1.0 if status == "present" else None] * rows]


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
