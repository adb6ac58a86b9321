"""A backlog of any length is taken a chunk at a time: what is read, held and computed is bounded by the chunk."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from deltalake import write_deltalake

from foundation.errors import Unavailable
from platform_core.features.materialization import Materializer
from platform_core.features.offline.arrow import unified
from platform_core.features.offline.delta import DeltaOfflineStore
from platform_core.features.source_window import SourceWindow
from platform_core.features.stream import Stream
from tests.fakes.velocity import CATALOG, NOW

HOUR = timedelta(hours=1)


class CountingFeed(DeltaOfflineStore):
    """Counts the rows it hands over as arrivals, and fails after some where it is told to."""

    handed = 0
    fail_after = 10**9

    def appended(self, table: str, *, after: int) -> Iterator[tuple[int, pa.Table]]:
        for version, rows in super().appended(table, after=after):
            self.handed += len(rows)
            if self.handed > self.fail_after:
                raise Unavailable("the storage went away")
            yield version, rows


@pytest.fixture
def counting(platform: Any, tmp_path: Path) -> Any:
    """Ten rows an hour for thirty hours arrived while nobody looked."""
    platform.offline = CountingFeed(tmp_path / "offline")
    platform.deliver({"at": NOW, "card": "c0"})
    platform.materializer = platform.restarted()
    assert platform.materializer.catch_up("card_velocity", "br").status == "succeeded"
    for hour in range(1, 31):
        platform.clock.advance(HOUR)
        platform.deliver(*({"at": NOW + hour * HOUR - n * timedelta(minutes=5), "card": f"c{n}"} for n in range(10)))
    platform.offline.handed = 0
    return platform


def in_chunks(platform: Any, rows: int) -> Materializer:
    return Materializer(
        CATALOG, platform.offline, platform.online, platform.resources, platform.operations, platform.clock,
        platform.progress, checkpoint_s=0.0, chunk_rows=rows,
    )  # fmt: skip


def rows_in(window: SourceWindow) -> int:
    return window.database.execute(f"SELECT count(*) FROM {window.relation}").fetchall()[0][0]


def test_a_step_reads_a_chunk_of_the_backlog_and_no_more(counting: Any) -> None:
    materializer = in_chunks(counting, 20)
    run = materializer.run("card_velocity", "br")
    assert (run.status, run.counts) == ("succeeded", {"taken": 20})
    # Two versions to take, one more to know that there is more; twice where the window had to reach back.
    assert counting.offline.handed <= 2 * 30
    held = materializer._stream._windows["payments_br"]  # pyright: ignore[reportPrivateUsage]
    assert rows_in(held) == 21
    assert held.more


def test_the_window_moves_along_a_long_backlog(counting: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    largest = 0
    advance = Stream.advance

    def watched(stream: Stream, target: Any) -> Any:
        nonlocal largest
        step = advance(stream, target)
        largest = max(largest, rows_in(stream._windows["payments_br"]))  # pyright: ignore[reportPrivateUsage]
        return step

    monkeypatch.setattr(Stream, "advance", watched)
    for day in range(6):  # five more days
        for hour in range(24):
            counting.clock.advance(HOUR)
            at = NOW + timedelta(hours=31 + 24 * day + hour)
            if hour % 4 == 0:
                counting.deliver(*({"at": at, "card": f"c{n}"} for n in range(10)))
    run = in_chunks(counting, 20).catch_up("card_velocity", "br")
    assert (run.status, run.counts["taken"]) == ("succeeded", 30 * 10 + 6 * 6 * 10)
    assert largest < 500, "a day of windows, some hours of slack and a chunk; not the week"
    undisturbed = counting.values("c3")
    counting.progress._progress.clear()
    assert in_chunks(counting, 10**6).catch_up("card_velocity", "br").status == "succeeded"
    assert counting.values("c3") == undisturbed


def test_a_version_that_could_be_read_in_part_only_is_not_there(counting: Any) -> None:
    counting.offline.fail_after = 35
    materializer = in_chunks(counting, 1000)
    run = materializer.run("card_velocity", "br")
    assert run.status == "failed"
    assert "went away" in (run.error or "")
    counting.offline.fail_after = 10**9
    run = materializer.run("card_velocity", "br")
    assert (run.status, run.counts) == ("succeeded", {"taken": 300})


def test_a_column_that_is_back_after_more_than_a_chunk_stops_nobody(platform: Any) -> None:
    platform.deliver({"at": NOW - HOUR, "card": "c0"})
    platform.materializer.catch_up("card_velocity", "br")
    for _ in range(12):
        platform.deliver(*({"at": NOW - n * timedelta(seconds=30), "card": None} for n in range(10)))
        platform.clock.advance(timedelta(minutes=1))
    assert in_chunks(platform, 20).run("card_velocity", "br").status == "failed"
    platform.deliver({"at": NOW, "card": "c1"})
    run = in_chunks(platform, 20).catch_up("card_velocity", "br")
    assert (run.status, run.counts["taken"]) == ("succeeded", 121)
    assert platform.values("c1")["tx_count_1h"] == 1.0


def test_partition_columns_of_somebody_elses_table_arrive_too(tmp_path: Path) -> None:
    stamp = pa.timestamp("us", "UTC")
    rows = pa.table(
        {
            "event_ts": pa.array([NOW, NOW, NOW], stamp),
            "amount": [1.0, 2.0, 3.0],
            "country": ["BR", None, "BR"],
            "shard": pa.array([1, 2, 1], pa.int32()),
            "day": pa.array([date(2026, 11, 19)] * 3),
            "loaded": pa.array([NOW] * 3, stamp),
        }
    )
    write_deltalake(tmp_path / "t", rows, partition_by=["country", "shard", "day", "loaded"])
    store = DeltaOfflineStore(tmp_path)
    arrived = unified([part for _, part in store.appended("t", after=-1)])
    for found in (arrived, store.read("t")):
        assert found.select(rows.column_names).sort_by("amount").to_pylist() == rows.to_pylist()
