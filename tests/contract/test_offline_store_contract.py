"""What every offline store does: append, read by event time, columns that come and go, errors that name the wrong."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pytest

from foundation.errors import InvalidInput, NotFound
from platform_core.features.offline.delta import DeltaOfflineStore
from platform_core.features.offline.parquet import ParquetOfflineStore
from platform_core.features.offline.port import OfflineStore
from tests.fakes.offline_store import FakeOfflineStore

T0 = datetime(2026, 11, 18, tzinfo=UTC)
HOUR = timedelta(hours=1)
STORES: dict[str, Callable[[Path], OfflineStore]] = {
    "delta": DeltaOfflineStore,
    "parquet": ParquetOfflineStore,
    "fake": lambda root: FakeOfflineStore(),
}


@pytest.fixture(params=STORES)
def store(request: pytest.FixtureRequest, tmp_path: Path) -> OfflineStore:
    return STORES[request.param](tmp_path)


def rows(*hours: float, **columns: list[object]) -> pa.Table:
    times = pa.array([T0 + hour * HOUR for hour in hours], pa.timestamp("us", "UTC"))
    return pa.table({"event_ts": times, **columns})


def test_what_was_appended_is_read(store: OfflineStore) -> None:
    first = store.append("t", rows(0, 30, amount=[1.0, None], tenant=["br", "mx"]))
    assert store.append("t", rows(1, amount=[3.0], tenant=["br"])) > first
    table = store.read("t").sort_by("event_ts")
    assert table["amount"].to_pylist() == [1.0, 3.0, None]
    assert table["event_ts"].to_pylist() == [T0, T0 + HOUR, T0 + 30 * HOUR]
    assert store.schema("t").names == ["event_ts", "amount", "tenant"]
    assert store.tables() == ["t"]


def test_a_scan_is_a_read_in_pieces(store: OfflineStore) -> None:
    for hour in range(4):
        store.append("t", rows(hour, key=[f"k{hour}"], amount=[float(hour)]))
    batches = list(store.scan("t", start=T0 + HOUR, end=T0 + 3 * HOUR, columns=["key", "amount"]))
    assert all(batch.schema.names == ["key", "amount"] for batch in batches)
    found = [(row["key"], row["amount"]) for batch in batches for row in batch.to_pylist()]
    assert sorted(found) == [("k1", 1.0), ("k2", 2.0)]
    assert sum(len(batch) for batch in store.scan("t", start=T0 + 9 * HOUR)) == 0


def test_start_is_in_and_end_is_out(store: OfflineStore) -> None:
    store.append("t", rows(0, 1, 2, amount=[0.0, 1.0, 2.0]))
    assert store.read("t", start=T0 + HOUR, end=T0 + 2 * HOUR)["amount"].to_pylist() == [1.0]
    assert store.read("t", end=T0, columns=["amount"]).num_rows == 0
    assert store.read("t", end=T0, columns=["amount"]).schema.types == [pa.float64()]


def test_columns_may_come_and_go(store: OfflineStore) -> None:
    store.append("t", rows(0, device=["d"]))
    store.append("t", rows(1, amount=[1.0]))
    table = store.read("t", columns=["event_ts", "device", "amount"]).sort_by("event_ts")
    assert table["device"].to_pylist() == ["d", None]
    assert table["amount"].to_pylist() == [None, 1.0]


def test_any_unit_and_zone_is_kept_as_microseconds_in_utc(store: OfflineStore) -> None:
    zones = pa.array([int(T0.timestamp() * 1e9) + 5000], pa.timestamp("ns", "America/Sao_Paulo"))
    store.append("t", pa.table({"event_ts": zones}))
    assert store.schema("t").field("event_ts").type == pa.timestamp("us", "UTC")
    assert store.read("t")["event_ts"].to_pylist() == [T0 + timedelta(microseconds=5)]
    with pytest.raises(InvalidInput, match=r"'event_ts' of table 't'.*lose data"):
        store.append("t", pa.table({"event_ts": pa.array([1], pa.timestamp("ns", "UTC"))}))
    with pytest.raises(InvalidInput, match=r"'event_ts' .*without a zone"):
        store.append("t", pa.table({"event_ts": pa.array([1], pa.timestamp("us"))}))
    assert store.read("t").num_rows == 1


def test_text_is_no_number(store: OfflineStore) -> None:
    store.append("t", rows(0, amount=[1.0]))
    with pytest.raises(InvalidInput, match="'amount' of table 't' is double, the rows bring string"):
        store.append("t", rows(1, amount=["3"]))
    assert store.read("t").num_rows == 1


def test_unknown_names_are_named(store: OfflineStore) -> None:
    store.append("t", rows(0, amount=[1.0]))
    for ask in (store.read, store.schema, lambda name: list(store.scan(name))):
        with pytest.raises(NotFound, match="'payments'"):
            ask("payments")
    for ask in (store.read, lambda name, columns: list(store.scan(name, columns=columns))):
        with pytest.raises(InvalidInput, match="no column 'amuont'"):
            ask("t", columns=["amuont"])
