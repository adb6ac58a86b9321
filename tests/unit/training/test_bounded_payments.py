"""Training reads what it needs, as it needs it: in memory are ids, the chosen payments, and never a whole table."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import pytest

from foundation.errors import InvalidInput
from platform_core.features.offline.delta import DeltaOfflineStore
from platform_core.training.dataset import TrainingSet, load_training_set
from platform_core.training.gates.payments import some_payments
from platform_core.training.pinned import PinnedOfflineStore
from tests.fakes.offline_store import FakeOfflineStore, plain
from tests.fakes.payments import END, SERVICE, START, features_of_the_row, small_catalog, small_history

WIDE = ("note", "raw_message")


class Watched(DeltaOfflineStore):
    """Says what was asked of each version, and how many rows the largest batch had."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.asked: list[tuple[str, tuple[str, ...] | None, datetime | None]] = []

    def read_version(self, table: str, version: int, **asked: Any) -> pa.Table:
        self._note(table, asked)
        return super().read_version(table, version, **asked)

    def scan_version(self, table: str, version: int, **asked: Any) -> Iterator[pa.RecordBatch]:
        self._note(table, asked)
        return super().scan_version(table, version, **asked)

    def _note(self, table: str, asked: dict[str, Any]) -> None:
        columns = asked.get("columns")
        self.asked.append((table, None if columns is None else tuple(columns), asked.get("end")))


def loaded(store: Any, **asked: Any) -> TrainingSet:
    return load_training_set(
        store, small_catalog(), SERVICE, historical=features_of_the_row,
        **{"start": START, "end": END, "max_rows": 300, "seed": 3, **asked},
    )  # fmt: skip


def test_a_pinned_table_is_read_by_column_and_by_time(tmp_path: Path) -> None:
    store, history = Watched(tmp_path), small_history(400)
    for table in history.tables():
        rows = history.read(table)
        for name in WIDE if table.startswith("payments") else ():
            rows = rows.append_column(name, pa.array(["x" * 50] * len(rows)))
        store.append(table, rows)
    pinned = PinnedOfflineStore(store)
    end = START + timedelta(days=5)
    found = loaded(pinned, end=end)
    assert found.digest == loaded(store, end=end).digest
    payments = [(columns, until) for table, columns, until in store.asked if table.startswith("payments")]
    assert all(until == end for _, until in payments)
    assert sorted({columns for columns, _ in payments}, key=len)[0] == ("event_id", "event_ts")
    assert all(columns is not None and not set(WIDE) & set(columns) for _, columns, _ in store.asked)
    batches = list(pinned.scan("payments_br", columns=["event_id"], end=end))
    assert {batch.schema.names[0] for batch in batches} == {"event_id"}
    with pytest.raises(InvalidInput, match="has no column 'nope'"):
        pinned.scan("payments_br", columns=["nope"])


def test_more_than_can_be_held_is_refused_with_what_to_do() -> None:
    with pytest.raises(InvalidInput) as refused:
        loaded(small_history(400), max_payments=700)
    assert str(refused.value) == (
        "2026-11-12 00:00 to 2026-11-19 00:00 UTC has more than 700 payments, the most that are read "
        "(a shorter window, or on a machine with memory for it VIGIA__MODELS__MAX_PAYMENTS)"
    )
    assert len(loaded(small_history(400), max_payments=800)) == 300
    with pytest.raises(InvalidInput, match="has more than 10 payments"):
        some_payments(small_history(400), small_catalog(), START, END, rows=5, seed=1, most=10)


class Shuffled(FakeOfflineStore):
    """Hands its rows out in small batches, in another order each time."""

    turn = 0

    def scan(self, table: str, *, columns: Sequence[str] | None = None, **asked: Any) -> Iterator[pa.RecordBatch]:
        self.turn += 1
        rows = pl.DataFrame(self.read(table, columns=list(columns or ()), **asked)).sample(
            fraction=1.0, shuffle=True, seed=self.turn
        )
        yield from plain(rows.to_arrow()).to_batches(max_chunksize=97)


def test_the_order_in_which_a_store_hands_out_rows_decides_nothing() -> None:
    """Also of payments that were delivered twice with other amounts."""
    history = small_history(400)
    again = pl.DataFrame(history.read("payments_br").slice(0, 60)).with_columns(pl.col("amount") + 1)
    tables = {name: history.read(name) for name in history.tables()}
    tables["payments_br"] = pa.concat_tables([tables["payments_br"], plain(again.to_arrow())])
    store = Shuffled(tables)
    first, second = loaded(store), loaded(store)
    assert store.turn > 4
    assert first.digest == second.digest == loaded(FakeOfflineStore(tables)).digest
