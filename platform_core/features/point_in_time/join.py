"""One view's history brought to the questions about it: a single pass, and a second one where rows tie."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, cast

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from platform_core.features.clock_skew import MAX_CLOCK_SKEW
from platform_core.features.point_in_time.moments import Integers
from platform_core.features.point_in_time.newest import Answers, AsOf, NewestRows
from platform_core.features.point_in_time.questions import Questions

KEYS = ("tenant", "key")
TIMES = ("event_ts", "created_ts")
_MICROSECOND = timedelta(microseconds=1)
_QUESTION = ":question"
"""No feature has a colon in its name."""

Scan = Callable[[Sequence[str]], Iterable[pa.RecordBatch]]
"""Reads the history: the batches of these columns, for tenant and key as strings or dictionaries of strings."""


@dataclass(frozen=True)
class Joined:
    """`answers.row` numbers the rows of `rows`, which has the feature columns."""

    answers: Answers
    rows: pa.Table
    read: int
    quarantined: int
    """Rows from the future (see `clock_skew`): never visible, only counted."""


class _Kept:
    """The rows that questions hold on to: at most twice as many as there are questions, and one batch."""

    def __init__(self, schema: pa.Schema, limit: int) -> None:
        self._batches: list[pa.RecordBatch] = []
        self._schema = schema
        self._limit = limit
        self._rows = 0

    def add(self, batch: pa.RecordBatch, newest: NewestRows) -> None:
        self._batches.append(batch)
        self._rows += len(batch)
        if self._rows > self._limit:
            table = self.table().take(pa.array(newest.renumber())).combine_chunks()
            self._batches, self._rows = table.to_batches(), len(table)

    def table(self) -> pa.Table:
        return pa.Table.from_batches(self._batches, self._schema)


@dataclass(frozen=True)
class _Rows:
    """The rows of a batch that are about asked entities and not from the future."""

    at: Integers
    entity: Integers
    event: Integers
    created: Integers
    quarantined: int


def visible_rows(
    asked: Questions,
    scan: Scan,
    features: pa.Schema,
    stored: Sequence[str],
    *,
    ttl: timedelta,
    as_of: AsOf,
    progress: Callable[[int], None] = lambda rows: None,
) -> Joined:
    """The visible row of each question, with the columns `features`.

    `stored` are all feature columns of the history, which decide between rows of the same event and created time: the
    greater values win, compared column by column in the order of their names, null being the smallest. `progress` is
    told how many rows were read so far.
    """
    newest = NewestRows(asked, ttl // _MICROSECOND, as_of)
    kept = _Kept(features, 2 * len(asked) + (1 << 16))
    read = quarantined = 0
    for batch in scan([*KEYS, *TIMES, *features.names]):
        rows = _rows(batch, asked)
        positions = rows.at[newest.offer(rows.entity, rows.event, rows.created)]
        if len(positions):
            kept.add(_plain(batch.select(features.names).take(pa.array(positions)), features), newest)
        read, quarantined = read + len(batch), quarantined + rows.quarantined
        progress(read)
    table = kept.table()
    if newest.has_ties():
        settled = _settled(newest, asked, scan([*KEYS, *TIMES, *stored]), sorted(stored))
        table = pa.concat_tables([table, settled.select(features.names).cast(features)])
    return Joined(newest.answers(), table, read, quarantined)


def _settled(newest: NewestRows, asked: Questions, batches: Iterable[pa.RecordBatch], stored: list[str]) -> pa.Table:
    """Of each tied question the row that wins by its values; `newest` is told."""
    import polars as pl

    parts: list[pl.DataFrame] = []
    for batch in batches:
        rows = _rows(batch, asked)
        question = newest.equals(rows.entity, rows.event, rows.created)
        at = np.flatnonzero(question >= 0)
        part = pl.DataFrame(pa.Table.from_batches([batch.select(stored).take(pa.array(rows.at[at]))]))
        parts.append(part.with_columns(pl.Series(_QUESTION, question[at])))
    winners = pl.concat(parts).sort(_QUESTION, *stored, nulls_last=False).group_by(_QUESTION).last()
    newest.settle(winners[_QUESTION].to_numpy())
    return winners.to_arrow()


def _rows(batch: pa.RecordBatch, asked: Questions) -> _Rows:
    entity = asked.entities.numbers(batch.column("tenant"), batch.column("key"))
    event, created = (batch.column(name).cast(pa.int64()) for name in TIMES)
    known = entity >= 0
    if event.null_count:
        known &= event.is_valid().to_numpy(zero_copy_only=False)
        event = event.fill_null(0)
    if created.null_count:
        created = cast(Any, pc).coalesce(created, event)
    events, createds = event.to_numpy(zero_copy_only=False), created.to_numpy(zero_copy_only=False)
    future = known & (events > createds + MAX_CLOCK_SKEW // _MICROSECOND)
    known &= ~future
    at = np.flatnonzero(known)
    if len(at) < len(known):
        entity, events, createds = entity[at], events[at], createds[at]
    return _Rows(at, entity, events, createds, int(np.count_nonzero(future)))


def _plain(batch: pa.RecordBatch, schema: pa.Schema) -> pa.RecordBatch:
    return batch if batch.schema.equals(schema) else batch.cast(schema)
