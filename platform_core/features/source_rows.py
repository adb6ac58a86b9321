"""A source's stored rows as the catalog describes them, and whether they keep its promises."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import pyarrow as pa
import pyarrow.compute

from platform_core.catalog.specs import DataSource
from platform_core.features.clock_skew import MAX_CLOCK_SKEW
from platform_core.features.offline.arrow import unified
from platform_core.features.source_problems import not_of_its_type
from platform_core.features.values import ARROW_TYPES

_compute: Any = pyarrow.compute  # its kernels are made at import time: no type checker sees them

EVENT_ID = "event_id"
"""Where a source has this column it identifies the event: the same one delivered twice counts once."""

LATE_AFTER = timedelta(hours=1)
"""Rows that arrive so long after their event are counted as late."""

LATENESS = timedelta(days=7)
"""Rows that arrive longer than this after their event are left to a backfill: one row with a wrong clock must not load
all history. Their own arrival decides, not when somebody materializes: who was away takes what came in time."""

_ENOUGH_ROWS = 50
"""A column other than the join key may be null in a few rows by chance; in this many at once it is gone."""


def catalog_rows(rows: pa.Table, source: DataSource, mapping: Mapping[str, str]) -> pa.Table:
    """The columns of the catalog, in its order and types, and `__mapped` (bool): a mapping filled the row.

    Rows of events that lie more than `MAX_CLOCK_SKEW` after their own arrival are left out: their clock is wrong, and
    the newest row of a key would stay theirs until then. The arrival's time decides, so that every reader agrees.

    A number that is not finite is null. A column that `mapping` (catalog name -> stored name) names is read from both,
    the original first; a column that is not stored is null.
    """
    columns: dict[str, pa.ChunkedArray | pa.Array] = {}
    filled: pa.Array | pa.ChunkedArray = pa.repeat(pa.scalar(False), len(rows))
    for column in source.columns:
        dtype = ARROW_TYPES[column.dtype]
        original = _stored(rows, column.name, dtype, source)
        renamed = _stored(rows, mapping[column.name], dtype, source) if column.name in mapping else None
        if original is not None and renamed is not None:
            filled = _compute.or_(filled, _compute.and_(_compute.is_null(original), _compute.is_valid(renamed)))
            columns[column.name] = _compute.coalesce(original, renamed)
        elif renamed is not None:
            filled = _compute.or_(filled, _compute.is_valid(renamed))
            columns[column.name] = renamed
        else:
            columns[column.name] = pa.nulls(len(rows), dtype) if original is None else original
    table = pa.table({**columns, "__mapped": filled})
    if not {source.event_timestamp, source.created_timestamp} <= set(columns):
        return table
    latest = _compute.add(table[source.created_timestamp], pa.scalar(MAX_CLOCK_SKEW, pa.duration("us")))
    return table.filter(_compute.fill_null(_compute.less_equal(table[source.event_timestamp], latest), True))


def stored_since(
    read: Callable[[str], pa.Table], source: DataSource, mapping: Mapping[str, str], known: Sequence[str]
) -> pa.Table:
    """What `read` (time column -> rows in time) returns by the source's event time, and, where a mapping says that it
    has another name today, the rows by that one as well. `known` are the stored columns."""
    rows = read(source.event_timestamp)
    renamed = mapping.get(source.event_timestamp)
    if renamed is None or renamed not in known:
        return rows
    others = read(renamed)
    if source.event_timestamp in others.column_names:
        others = others.filter(_compute.is_null(others[source.event_timestamp]))
    return unified([rows, others])


def _stored(rows: pa.Table, name: str, dtype: pa.DataType, source: DataSource) -> pa.ChunkedArray | None:
    if name not in rows.column_names:
        return None
    try:
        column = rows[name].cast(dtype)
    except pa.ArrowException as error:
        raise not_of_its_type(rows, name, dtype, source, identity=EVENT_ID) from error
    if pa.types.is_floating(dtype):
        finite = _compute.is_finite(column)
        if _compute.all(finite).as_py() is False:
            # One infinity is the sum of its whole window: what is no number is not known.
            return _compute.if_else(finite, column, pa.scalar(None, dtype))
    return column


@dataclass(frozen=True, slots=True)
class Arrival:
    """What one version brought: enough to judge it without keeping the rows."""

    version: int
    rows: int
    first_event: datetime | None
    """Of the rows that are not too late."""

    nulls: Mapping[str, int]
    extra: Mapping[str, str]
    """Columns that the catalog does not know, with their types."""

    held_back: int = 0
    """Rows that were left out because their clock is wrong."""

    late: int = 0
    """Rows that came over `LATE_AFTER` after their event."""

    duplicates: int = 0
    """Rows of events that had arrived before, within what is held of the source."""

    too_late: int = 0
    """Rows that came over `LATENESS` after their event: they get no feature row of their own."""

    @property
    def counts(self) -> Mapping[str, int]:
        return {
            "held_back": self.held_back,
            "late": self.late,
            "duplicates": self.duplicates,
            "too_late": self.too_late,
        }


def describe(version: int, stored: pa.Table, rows: pa.Table, source: DataSource, mapping: Mapping[str, str]) -> Arrival:
    known = {c.name for c in source.columns} | set(mapping.values())
    extra = {f.name: str(f.type) for f in stored.schema if f.name not in known}
    nulls = {name: rows[name].null_count for name in rows.column_names}
    events = rows[source.event_timestamp]
    late = too_late = 0
    if source.created_timestamp in rows.column_names:
        age = _compute.subtract(rows[source.created_timestamp], events)
        late = _compute.sum(_compute.greater(age, pa.scalar(LATE_AFTER, pa.duration("us")))).as_py() or 0
        beyond = _compute.fill_null(_compute.greater(age, pa.scalar(LATENESS, pa.duration("us"))), False)
        too_late = _compute.sum(beyond).as_py() or 0
        events = events.filter(_compute.invert(beyond))
    first_event = _compute.min(events).as_py()
    held_back = len(stored) - len(rows)
    return Arrival(version, len(rows), first_event, nulls, extra, held_back, late, too_late=too_late)


def thinned(arrivals: list[Arrival], limit: int) -> list[Arrival]:
    """At most about twice `limit` arrivals: where there are more, the older ones are judged two by two.

    They pile up while a view of the source is cancelled or fails.
    """
    if len(arrivals) <= 2 * limit:
        return arrivals
    old, young = arrivals[:-limit], arrivals[-limit:]
    pairs = [old[i : i + 2] for i in range(0, len(old), 2)]
    return [*(joined(*pair) if len(pair) == 2 else pair[0] for pair in pairs), *young]


def joined(first: Arrival, second: Arrival) -> Arrival:
    """What both brought, as one arrival of the second's version."""
    starts = [a.first_event for a in (first, second) if a.first_event is not None]
    return Arrival(
        second.version,
        first.rows + second.rows,
        min(starts, default=None),
        {name: count + second.nulls[name] for name, count in first.nulls.items()},
        {**first.extra, **second.extra},
        first.held_back + second.held_back,
        first.late + second.late,
        first.duplicates + second.duplicates,
        first.too_late + second.too_late,
    )


def sound_until(
    arrivals: Sequence[Arrival], source: DataSource, keys: Sequence[str], needed: Sequence[str]
) -> tuple[int, str | None]:
    """How many of `arrivals` can be materialized, and the error about the rest.

    The contract is broken where a promised column that the view needs is null in everything from some arrival on: the
    join key or the event time in any number of rows, another column in many. Rows before it are sound.
    """
    vital = {*keys, source.event_timestamp}
    for column in source.columns:
        if column.name not in {*vital, *needed} or column.max_null_rate > 0:
            continue
        sound = len(arrivals)
        while sound and arrivals[sound - 1].nulls[column.name] == arrivals[sound - 1].rows:
            sound -= 1
        broken = arrivals[sound:]
        count = sum(a.rows for a in broken)
        if count and (column.name in vital or count >= _ENOUGH_ROWS):
            return sound, _contract_error(broken, count, source, column.name)
    return len(arrivals), None


def _contract_error(broken: Sequence[Arrival], count: int, source: DataSource, column: str) -> str:
    since = min((a.first_event for a in broken if a.first_event), default=None)
    extra = {name: dtype for arrival in broken for name, dtype in arrival.extra.items()}
    listed = ", ".join(f"{name} ({dtype})" for name, dtype in extra.items()) or "none"
    return (
        f"contract broken: column {column!r} of source {source.name} is null in {count} of {count} new rows"
        f" since {since.isoformat(timespec='seconds') if since else 'an unknown time'};"
        f" columns not in the catalog: {listed}"
    )
