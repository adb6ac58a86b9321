"""Files that others wrote, or half wrote: Parquet beside and under a Delta log, partitions, damage."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from deltalake import DeltaTable, write_deltalake

from foundation.errors import InvalidInput, NotFound, Unavailable
from platform_core.features.offline.delta import DeltaOfflineStore
from platform_core.features.offline.parquet import ParquetOfflineStore

T0 = datetime(2026, 11, 18, tzinfo=UTC)
STORES = pytest.mark.parametrize("store", [DeltaOfflineStore, ParquetOfflineStore])


def rows(*amounts: float) -> pa.Table:
    return pa.table({"event_ts": pa.array([T0] * len(amounts), pa.timestamp("us", "UTC")), "amount": list(amounts)})


@STORES
def test_rows_that_delta_deleted_stay_deleted(tmp_path: Path, store: type[DeltaOfflineStore]) -> None:
    write_deltalake(str(tmp_path / "t"), rows(1.0, 2.0, 3.0))
    DeltaTable(str(tmp_path / "t")).delete("amount = 2.0")
    assert len(list((tmp_path / "t").glob("*.parquet"))) == 2  # the old file is still there
    opened = store(tmp_path)
    assert sorted(opened.read("t")["amount"].to_pylist()) == [1.0, 3.0]
    assert sum(len(batch) for batch in opened.scan("t")) == 2
    opened.append("t", rows(4.0))
    assert DeltaTable(str(tmp_path / "t")).version() == 2


@STORES
def test_columns_that_are_partitions_have_their_values(tmp_path: Path, store: type[DeltaOfflineStore]) -> None:
    table = rows(1.0, 2.0, 3.0).append_column("country", pa.array(["AR", "BR", None]))
    write_deltalake(str(tmp_path / "t"), table, partition_by=["country"])
    read = store(tmp_path).read("t", columns=["country", "amount"])
    assert sorted(read.to_pylist(), key=lambda r: r["amount"]) == [
        {"country": "AR", "amount": 1.0},
        {"country": "BR", "amount": 2.0},
        {"country": None, "amount": 3.0},
    ]


@STORES
def test_deletion_vectors_are_refused_not_overlooked(tmp_path: Path, store: type[DeltaOfflineStore]) -> None:
    write_deltalake(str(tmp_path / "t"), rows(1.0))
    commit = tmp_path / "t" / "_delta_log" / f"{0:020d}.json"
    actions = [json.loads(line) for line in commit.read_text().splitlines()]
    features = ["deletionVectors"]
    for action in actions:
        if "protocol" in action:
            action["protocol"] = {
                "minReaderVersion": 3,
                "minWriterVersion": 7,
                "readerFeatures": features,
                "writerFeatures": features,
            }
    commit.write_text("\n".join(map(json.dumps, actions)))
    with pytest.raises(Unavailable, match=rf"{tmp_path}/t uses deletionVectors.*PURGE"):
        store(tmp_path).read("t")


@STORES
def test_a_half_written_delta_table_is_named(tmp_path: Path, store: type[DeltaOfflineStore]) -> None:
    write_deltalake(str(tmp_path / "t"), rows(1.0))
    for file in (tmp_path / "t").glob("*.parquet"):
        file.write_bytes(file.read_bytes()[:40])
    for ask in (lambda s: s.read("t"), lambda s: list(s.scan("t"))):
        with pytest.raises(Unavailable, match=rf"{tmp_path}/t.*restore it, or rewrite"):
            ask(store(tmp_path))
    (tmp_path / "t" / "_delta_log" / f"{0:020d}.json").unlink()
    with pytest.raises(Unavailable, match=rf"{tmp_path}/t"):
        store(tmp_path).read("t")


def test_files_without_a_log_are_no_delta_table(tmp_path: Path) -> None:
    (tmp_path / "t").mkdir()
    pq.write_table(rows(1.0), tmp_path / "t" / "x.parquet")
    with pytest.raises(NotFound, match="Parquet files and no Delta log"):
        DeltaOfflineStore(tmp_path).read("t")


def test_a_half_written_parquet_file_is_named_and_an_unfinished_one_not_seen(tmp_path: Path) -> None:
    store = ParquetOfflineStore(tmp_path)
    store.append("t", rows(1.0))
    (tmp_path / "t" / ".part.parquet.unfinished").write_bytes(b"PAR1")
    assert store.read("t").num_rows == 1
    (tmp_path / "t" / "half.parquet").write_bytes(b"PAR1")
    with pytest.raises(Unavailable, match=rf"{tmp_path}/t/half.parquet.*half-written"):
        store.read("t")


def test_one_file_is_a_table(tmp_path: Path) -> None:
    pq.write_table(rows(1.0), tmp_path / "payments.parquet")
    store = ParquetOfflineStore(tmp_path)
    assert store.tables() == ["payments"]
    assert store.read("payments")["amount"].to_pylist() == [1.0]


def test_times_of_files_that_cannot_be_kept_are_refused(tmp_path: Path) -> None:
    store = ParquetOfflineStore(tmp_path)
    pq.write_table(pa.table({"event_ts": pa.array([1], pa.timestamp("us"))}), tmp_path / "naive.parquet")
    pq.write_table(pa.table({"event_ts": pa.array([1], pa.timestamp("ns", "UTC"))}), tmp_path / "fine.parquet")
    with pytest.raises(InvalidInput, match=r"'event_ts' of .*naive.parquet has times without a zone"):
        store.read("naive")
    for ask in (store.read, lambda name: list(store.scan(name))):
        with pytest.raises(InvalidInput, match="finer than microseconds"):
            ask("fine")


def test_a_file_that_goes_away_in_the_middle_of_a_scan(tmp_path: Path) -> None:
    store = ParquetOfflineStore(tmp_path)
    store.append("t", rows(1.0))
    batches = store.scan("t")
    for file in (tmp_path / "t").glob("*.parquet"):
        file.unlink()
    with pytest.raises(Unavailable, match=rf"{tmp_path}/t"):
        list(batches)
