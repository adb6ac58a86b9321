"""Feature rows computed afresh from the events in the offline store.

Independent of the materialization's own SQL on purpose: a shared mistake would agree with itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.compute

from platform_core.catalog.filters import parse_filter
from platform_core.catalog.specs import Aggregation, DataSource, FeatureView
from platform_core.features.clock_skew import MAX_CLOCK_SKEW
from platform_core.features.dialects import DUCKDB
from platform_core.features.keys import entity_key_sql
from platform_core.features.online.port import FeatureRow
from platform_core.features.source_rows import EVENT_ID
from platform_core.features.target import source_spec
from platform_core.features.values import FeatureValue, microseconds
from platform_core.operations.resources import SourceSpec
from platform_core.view import PlatformView

_compute: Any = pyarrow.compute  # its kernels are made at import time: no type checker sees them
_AHEAD_US = MAX_CLOCK_SKEW // timedelta(microseconds=1)
_FUNCTIONS = {
    "count": "count(e.event_us)",
    "sum": "sum({column})",
    "mean": "avg({column})",
    "min": "min({column})",
    "max": "max({column})",
    "last": "arg_max({column}, row(e.event_us, e.created_us))",
    "stddev": "stddev_samp({column})",
    "approx_distinct": "count(DISTINCT {column})",
}


def recomputed(
    platform: PlatformView, view: FeatureView, source: DataSource, rows: Sequence[FeatureRow]
) -> list[dict[str, FeatureValue]]:
    """The features of each row (one at least), from the events in (t - window, t] that had arrived when it was
    written."""
    keys = entity_key_sql([_column(name) for name in platform.catalog.entity(view.entity).join_keys])
    longest = max((a.window for a in view.aggregations), default=timedelta(microseconds=1))
    start = min(r.event_ts for r in rows) - longest
    end = max(r.event_ts for r in rows) + timedelta(microseconds=1)
    spec = source_spec(platform.resources, source.name)
    table = platform.offline.read(source.table, start=start, end=end, time_column=source.event_timestamp)
    if spec.quarantine_since is not None:
        table = table.filter(_compute.less(table.column(source.event_timestamp), pa.scalar(spec.quarantine_since)))
    events = _catalog_columns(source, spec, table)
    asked = pa.table(
        {
            "place": pa.array(range(len(rows)), pa.int64()),
            "key": pa.array([r.key for r in rows], pa.string()),
            "at": pa.array([microseconds(r.event_ts) for r in rows], pa.int64()),
            "written": pa.array([microseconds(r.created_ts) for r in rows], pa.int64()),
        }
    )
    # an event that was delivered twice counts once, as it was stored first
    once = f"QUALIFY {EVENT_ID} IS NULL OR row_number() OVER (PARTITION BY {EVENT_ID} ORDER BY created_us) = 1"
    distinct = f"(SELECT * FROM events {once if EVENT_ID in events.column_names else ''})"  # noqa: S608 - as below
    names = [f.name for f in view.fields]
    columns = ", ".join(map(_expression, view.aggregations)) or _as_they_are(names)
    longest_us = longest // timedelta(microseconds=1)
    query = (
        f"SELECT s.place, {columns} FROM asked s LEFT JOIN {distinct} e ON {keys} = s.key "  # noqa: S608 - names are the catalog's
        f"AND e.event_us <= s.at AND e.event_us > s.at - {longest_us} AND e.created_us <= s.written "
        "GROUP BY s.place ORDER BY s.place"
    )
    connection = duckdb.connect(config={"threads": 1})
    try:
        connection.register("asked", asked)
        connection.register("events", events)
        found = connection.execute(query).fetchall()
    finally:
        connection.close()
    return [dict(zip(names, row[1:], strict=True)) for row in found]


def _catalog_columns(source: DataSource, spec: SourceSpec, table: pa.Table) -> pa.Table:
    columns: dict[str, Any] = {}
    for column in source.columns:
        mapped = spec.field_mapping.get(column.name, column.name)
        found = [_known(table.column(n)) for n in dict.fromkeys((column.name, mapped)) if n in table.column_names]
        columns[column.name] = _compute.coalesce(*found) if found else pa.nulls(len(table))
    for name, stored in (("event_us", source.event_timestamp), ("created_us", source.created_timestamp)):
        columns[name] = table.column(stored).cast(pa.timestamp("us", tz="UTC")).cast(pa.int64())
    events = pa.table(columns)
    # a row from the future of its own arrival has a wrong clock, and is in no feature
    ahead = _compute.subtract(events["event_us"], events["created_us"])
    return events.filter(_compute.fill_null(_compute.less_equal(ahead, _AHEAD_US), True))


def _known(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """What is no finite number is not known."""
    if not pa.types.is_floating(column.type):
        return column
    return _compute.if_else(_compute.is_finite(column), column, pa.scalar(None, column.type))


def _expression(aggregation: Aggregation) -> str:
    window = aggregation.window // timedelta(microseconds=1)
    column = "e.event_us" if aggregation.column == "*" else _column(aggregation.column)
    condition = f"e.event_us > s.at - {window}"
    if aggregation.filter:
        # As the events' own: the other relation's columns may have the same names.
        condition += f" AND {DUCKDB.condition(parse_filter(aggregation.filter), 'e.')}"
    value = _FUNCTIONS[aggregation.function].replace("{column}", column)
    return f"{value} FILTER (WHERE {condition}) AS {DUCKDB.quote(aggregation.name)}"


def _column(name: str) -> str:
    return f"e.{DUCKDB.quote(name)}"


def _as_they_are(features: list[str]) -> str:
    """All of one event: the one created last, of those the greatest by the features' names, null being the smallest."""
    values = (f"{_column(name)} IS NOT NULL, {_column(name)}" for name in sorted(features))
    order = f"row(e.created_us, {', '.join(values)})"
    # {} around the value: the newest event's null is its value, not a reason to take an older one.
    return ", ".join(f"arg_max({{v: {_column(name)}}}, {order}).v AS {DUCKDB.quote(name)}" for name in features)
