"""The offline store: schema evolution, pruning, versions, and errors that name the path."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pytest

from foundation.errors import InvalidInput, NotFound, Unavailable
from platform_core.features.offline.delta import DeltaOfflineStore
from platform_core.features.offline.port import ArrivalsForgotten

T0 = datetime(2026, 11, 18, tzinfo=UTC)
DAY = timedelta(days=1)
US = timedelta(microseconds=1)


@pytest.fixture
def store(tmp_path: Path) -> DeltaOfflineStore:
    return DeltaOfflineStore(tmp_path)


def rows(*times: datetime, **columns: list[object]) -> pa.Table:
    return pa.table({"event_ts": pa.array(times, pa.timestamp("us", "UTC")), **columns})


def test_reads_what_was_appended_without_its_partition(store: DeltaOfflineStore) -> None:
    store.append("payments_br", rows(T0, T0 + DAY, amount=[1.0, 2.0]))
    table = store.read("payments_br").sort_by("event_ts")
    assert table.column_names == ["event_ts", "amount"]
    assert table.schema == store.schema("payments_br")
    assert table["event_ts"].to_pylist() == [T0, T0 + DAY]
    assert store.tables() == ["payments_br"]


def test_start_is_in_and_end_is_out_to_the_microsecond(store: DeltaOfflineStore) -> None:
    times = [T0 + timedelta(microseconds=999_123 + step) for step in range(3)]
    store.append("t", rows(*times))
    assert store.read("t", start=times[1], end=times[2])["event_ts"].to_pylist() == [times[1]]
    assert store.read("t", start=times[2])["event_ts"].to_pylist() == [times[2]]
    assert store.read("t", start=times[2] + US).num_rows == 0


def test_files_outside_the_range_are_not_opened(store: DeltaOfflineStore, tmp_path: Path) -> None:
    store.append("t", rows(T0 - 3 * DAY, amount=[1.0]))
    store.append("t", rows(T0, amount=[2.0]))
    for file in (tmp_path / "t").glob("event_date=2026-11-15/*.parquet"):
        file.unlink()
    assert store.read("t", start=T0)["amount"].to_pylist() == [2.0]
    with pytest.raises(Unavailable, match=str(tmp_path)):
        store.read("t")


def test_columns_may_come_and_go(store: DeltaOfflineStore) -> None:
    store.append("t", rows(T0, device_id=["d1"]))
    store.append("t", rows(T0 + DAY, device_fingerprint=["f1"]))
    table = store.read("t").sort_by("event_ts")
    assert table["device_id"].to_pylist() == ["d1", None]
    assert table["device_fingerprint"].to_pylist() == [None, "f1"]
    assert store.read("t", columns=["device_id"]).column_names == ["device_id"]


def test_a_column_of_nulls_without_a_type_says_nothing(store: DeltaOfflineStore) -> None:
    store.append("t", rows(T0, amount=[1.0]))
    store.append("t", rows(T0 + DAY, amount=pa.nulls(1)))  # type: ignore[arg-type]
    assert sorted(store.read("t")["amount"].to_pylist(), key=str) == [1.0, None]


def test_integers_fit_into_floats_and_texts_do_not(store: DeltaOfflineStore) -> None:
    store.append("t", rows(T0, amount=[1.0]))
    store.append("t", rows(T0, amount=[2]))
    with pytest.raises(InvalidInput, match=r"'amount' of table 't' is double, the rows bring string"):
        store.append("t", rows(T0, amount=["3"]))
    with pytest.raises(InvalidInput, match="without a zone"):
        store.append("t", pa.table({"event_ts": pa.array([datetime(2026, 1, 1)], pa.timestamp("us"))}))  # noqa: DTZ001
    assert sorted(store.read("t")["amount"].to_pylist()) == [1.0, 2.0]


def test_tables_by_another_time_column(store: DeltaOfflineStore) -> None:
    table = pa.table({"ts": pa.array([T0, T0 + DAY], pa.timestamp("us", "UTC")), "score": [0.1, 0.9]})
    store.append("predictions", table)
    assert store.read("predictions", start=T0 + DAY, time_column="ts")["score"].to_pylist() == [0.9]


def test_appended_tells_what_each_version_brought(store: DeltaOfflineStore) -> None:
    first = store.append("t", rows(T0, T0 + DAY, amount=[1.0, 2.0]))
    second = store.append("t", rows(T0 - DAY, amount=[3.0]))
    assert store.version("t") == second > first
    arrived = list(store.appended("t", after=first))
    assert [(version, part["amount"].to_pylist()) for version, part in arrived] == [(second, [3.0])]
    # In parts: the first version has a file for each day.
    assert [(v, part.num_rows) for v, part in store.appended("t", after=-1)] == [(first, 1), (first, 1), (second, 1)]
    assert list(store.appended("t", after=second)) == []
    assert store.read_version("t", first, start=T0).num_rows == 2


def test_compaction_keeps_the_rows_and_is_not_an_arrival(store: DeltaOfflineStore) -> None:
    for step in range(5):
        version = store.append("t", rows(T0 + step * timedelta(minutes=1), amount=[float(step)]))
    assert store.compact("t") == 5
    assert sorted(store.read("t")["amount"].to_pylist()) == [0.0, 1.0, 2.0, 3.0, 4.0]
    assert list(store.appended("t", after=version)) == []
    store.append("t", rows(T0, amount=[9.0]))
    assert [part["amount"].to_pylist() for _, part in store.appended("t", after=version)] == [[9.0]]


def test_vacuum_deletes_what_compaction_left_and_only_that(store: DeltaOfflineStore, tmp_path: Path) -> None:
    for second in range(6):
        store.append("payments_br", rows(T0 + timedelta(seconds=second), amount=[1.0]))
    files = lambda: len(list((tmp_path / "payments_br").rglob("*.parquet")))  # noqa: E731
    assert store.compact("payments_br") == 6
    assert (store.vacuum("payments_br", keep=timedelta(hours=1)), files()) == (0, 7)
    assert (store.vacuum("payments_br", keep=timedelta(0)), files()) == (6, 1)
    assert len(store.read("payments_br")) == 6
    for lost in (
        lambda: list(store.appended("payments_br", after=2)),
        lambda: store.read_version("payments_br", 2, start=T0),
    ):
        with pytest.raises(ArrivalsForgotten, match="vacuumed"):
            lost()


def test_asking_in_vain_does_not_list_the_log(store: DeltaOfflineStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """A log of 86,000 commits took 0.8 s to list, each second."""
    version = store.append("payments_br", rows(T0, amount=[1.0]))

    def listed(*_: object) -> None:
        raise AssertionError("the whole log was listed")

    monkeypatch.setattr(Path, "glob", listed)
    monkeypatch.setattr(Path, "iterdir", listed)
    assert list(store.appended("payments_br", after=version)) == []


def test_what_the_log_forgot_is_said(store: DeltaOfflineStore, tmp_path: Path) -> None:
    for day in range(4):
        store.append("payments_br", rows(T0 + day * DAY, amount=[1.0]))
    for version in (0, 1, 2):
        (tmp_path / "payments_br" / "_delta_log" / f"{version:020d}.json").unlink()
    assert [version for version, _ in store.appended("payments_br", after=2)] == [3]
    assert list(store.appended("payments_br", after=3)) == []
    with pytest.raises(ArrivalsForgotten, match="no longer holds version 1"):
        list(store.appended("payments_br", after=0))
    with pytest.raises(ArrivalsForgotten, match="version 1 of"):
        store.read_version("payments_br", 1, start=T0)


def test_two_stores_on_one_directory_see_each_other(store: DeltaOfflineStore, tmp_path: Path) -> None:
    other = DeltaOfflineStore(tmp_path)
    store.append("t", rows(T0))
    assert other.read("t").num_rows == 1
    other.append("t", rows(T0 + DAY))
    store.append("t", rows(T0 + 2 * DAY))
    assert other.read("t").num_rows == store.read("t").num_rows == 3


def test_unknown_tables_and_columns_are_named(store: DeltaOfflineStore, tmp_path: Path) -> None:
    store.append("payments_br", rows(T0, amount=[1.0]))
    for ask in (store.read, store.schema, store.version, lambda name: list(store.appended(name, after=-1))):
        with pytest.raises(NotFound, match=r"payments_cl.*payments_br"):
            ask("payments_cl")
    with pytest.raises(InvalidInput, match=r"'amuont'.*amount"):
        store.read("payments_br", columns=["amuont"])
    with pytest.raises(InvalidInput, match="table name"):
        store.append("../out", rows(T0))


def test_a_damaged_log_is_unavailable_and_named(store: DeltaOfflineStore, tmp_path: Path) -> None:
    store.append("t", rows(T0))
    (tmp_path / "t" / "_delta_log" / f"{0:020d}.json").write_text("{not json")
    with pytest.raises(Unavailable, match=str(tmp_path / "t")):
        DeltaOfflineStore(tmp_path).read("t")
