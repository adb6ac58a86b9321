"""Tables that lie elsewhere: Parquet files arrive when they are written, Delta tables as their log says."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from foundation.errors import Forbidden, InvalidInput, NotFound, Unavailable
from platform_core.features.offline.delta import DeltaOfflineStore
from platform_core.features.offline.parquet_feed import ParquetFeed
from platform_core.features.offline.placed import PlacedOfflineStore

T = datetime(2026, 11, 19, 5, tzinfo=UTC)
SECOND = 1_000_000_000
START = 1_795_000_000 * SECOND


def rows(*values: int) -> pa.Table:
    times = pa.array([T + timedelta(minutes=v) for v in values], pa.timestamp("us", "UTC"))
    return pa.table({"event_ts": times, "value": pa.array(values, pa.int64())})


def put(path: Path, table: pa.Table, at_ns: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(table, path)
    os.utime(path, ns=(at_ns, at_ns))


def values(table: pa.Table) -> list[int]:
    return sorted(table["value"].to_pylist())


def test_a_file_arrives_when_it_is_written_and_again_when_rewritten(tmp_path: Path) -> None:
    wall = [START + 10 * SECOND]
    feed = ParquetFeed(tmp_path, wall_ns=lambda: wall[0])
    put(tmp_path / "payments" / "a.parquet", rows(1, 2), START)
    put(tmp_path / "payments" / "b.parquet", rows(3), START + SECOND)
    first = feed.version("payments")
    assert [values(t) for _, t in feed.appended("payments", after=-1)] == [[1, 2], [3]]
    assert list(feed.appended("payments", after=first)) == []
    put(tmp_path / "payments" / "a.parquet", rows(1, 2, 4), START + 5 * SECOND)
    ((version, arrived),) = feed.appended("payments", after=first)
    assert (version, values(arrived)) == (feed.version("payments"), [1, 2, 4])
    assert values(feed.read_version("payments", first, start=T)) == [3]
    assert values(feed.read_version("payments", version, start=T + timedelta(minutes=2))) == [2, 3, 4]


def test_a_file_of_this_second_waits_for_the_next_look(tmp_path: Path) -> None:
    """Another one could be written at the same tick of the file system's clock and would be missed for ever."""
    wall = [START]
    feed = ParquetFeed(tmp_path, wall_ns=lambda: wall[0], pause=lambda _: None)
    put(tmp_path / "payments.parquet", rows(1), START)
    assert (feed.version("payments"), list(feed.appended("payments", after=-1))) == (0, [])
    wall[0] += SECOND
    assert [values(t) for _, t in feed.appended("payments", after=0)] == [[1]]


def test_where_there_is_no_other_file_its_second_is_waited_for(tmp_path: Path) -> None:
    """A first load reads every file: what was no arrival then would arrive, and be counted, once more."""
    wall = [START]

    def pause(seconds: float) -> None:
        wall[0] += round(seconds * SECOND)

    feed = ParquetFeed(tmp_path, wall_ns=lambda: wall[0], pause=pause)
    put(tmp_path / "payments.parquet", rows(1), START)
    assert list(feed.appended("payments", after=feed.version("payments"))) == []
    assert wall == [START + SECOND]
    put(tmp_path / "later.parquet", rows(1), START + 60 * SECOND)
    assert (feed.version("later"), wall) == (0, [START + SECOND]), "a clock that is wrong is not waited for"


@pytest.fixture
def placed(tmp_path: Path) -> PlacedOfflineStore:
    put(tmp_path / "theirs" / "plain.parquet", rows(1, 2, 3), START)
    put(tmp_path / "theirs" / "parts" / "a.parquet", rows(4), START)
    DeltaOfflineStore(tmp_path / "theirs").append("logged", rows(5))
    places = {
        "plain": tmp_path / "theirs" / "plain.parquet",
        "parts": tmp_path / "theirs" / "parts",
        "renamed": tmp_path / "theirs" / "logged",
        "lost": tmp_path / "theirs" / "lost.parquet",
        "half": tmp_path / "theirs" / "half.parquet",
    }
    (tmp_path / "theirs" / "half.parquet").write_bytes(b"PAR1 and no more")
    return PlacedOfflineStore(DeltaOfflineStore(tmp_path / "own"), places)


def test_every_table_is_found_where_it_lies(placed: PlacedOfflineStore, tmp_path: Path) -> None:
    placed.append("ours", rows(6))
    for table, expected in (("plain", [1, 2, 3]), ("parts", [4]), ("renamed", [5]), ("ours", [6])):
        assert values(placed.read(table)) == expected
        assert [n for batch in placed.scan(table, columns=["value"]) for n in batch["value"].to_pylist()] == expected
        assert placed.schema(table).names == ["event_ts", "value"]
        assert [values(t) for _, t in placed.appended(table, after=-1)] == [expected]
        version = placed.version(table)
        assert values(placed.read_version(table, version, start=T)) == expected
    assert values(placed.read("plain", start=T + timedelta(minutes=2))) == [2, 3]
    assert placed.tables() == ["half", "lost", "ours", "parts", "plain", "renamed"]
    assert sorted(p.name for p in (tmp_path / "own").iterdir()) == ["ours"]


@pytest.mark.parametrize("table", ["plain", "parts", "renamed"])
def test_what_is_somebody_elses_is_never_written(placed: PlacedOfflineStore, tmp_path: Path, table: str) -> None:
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(Forbidden, match="belongs to somebody else"):
        placed.append(table, rows(7))
    assert sorted(tmp_path.rglob("*")) == before


def test_what_is_not_there_or_damaged_is_named(placed: PlacedOfflineStore) -> None:
    with pytest.raises(NotFound, match="lost"):
        placed.read("lost")
    with pytest.raises(Unavailable, match=r"half\.parquet"):
        placed.read("half")
    with pytest.raises(InvalidInput, match="no column 'amount'"):
        placed.read("plain", columns=["amount"])
