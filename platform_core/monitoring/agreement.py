"""Online values against the same features computed afresh from the offline store, as of the same moment.

Independent of the materialization's own SQL on purpose: a shared mistake would agree with itself.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute

from foundation.errors import NotFound
from platform_core.catalog.filters import parse_filter
from platform_core.catalog.specs import Aggregation, DataSource, FeatureView
from platform_core.features.dialects import DUCKDB
from platform_core.features.keys import entity_key_sql
from platform_core.features.online.port import FeatureRow
from platform_core.features.source_rows import EVENT_ID
from platform_core.features.values import FeatureValue
from platform_core.operations.resources import SourceSpec
from platform_core.urn import urn
from platform_core.view import PlatformView

TOLERANCE = 1e-6
"""Relative: sums of doubles in another order differ in the last bits only."""
SKETCH_TOLERANCE = 0.15
"""Relative, for approx_distinct: HyperLogLog against an exact count, and never less than one."""
EXAMPLES = 5

_compute: Any = pyarrow.compute  # its kernels are made at import time: no type checker sees them
_FUNCTIONS = {
    "count": "count(e.event_us)",
    "sum": "sum({column})",
    "mean": "avg({column})",
    "min": "min({column})",
    "max": "max({column})",
    "last": "arg_max({column}, e.event_us)",
    "stddev": "stddev_samp({column})",
    "approx_distinct": "count(DISTINCT {column})",
}

_COUNTS = frozenset({"count", "approx_distinct"})


@dataclass(frozen=True, slots=True)
class Difference:
    """One value that is not what the events say."""

    key: str
    feature: str
    event_ts: datetime
    online: FeatureValue
    recomputed: FeatureValue


@dataclass(frozen=True, slots=True)
class Agreement:
    """`wrong` counts the differences by feature; `examples` are the first few."""

    sampled: int
    compared: int
    wrong: Counter[str]
    examples: tuple[Difference, ...]

    @property
    def mismatches(self) -> int:
        return self.wrong.total()

    @property
    def rate(self) -> float:
        return self.mismatches / self.compared if self.compared else 0.0


def compare(platform: PlatformView, view: FeatureView, source: DataSource, sample: list[FeatureRow]) -> Agreement:
    """Recompute each sampled row from events in (t - window, t] that had arrived when it was written."""
    fresh = _recomputed(platform, view, source, sample)
    functions = {a.name: a.function for a in view.aggregations}
    compared, wrong, examples = 0, Counter[str](), list[Difference]()
    for row, values in zip(sample, fresh, strict=True):
        for feature in values:
            if feature not in row.values:
                continue
            compared += 1
            if not _same(functions.get(feature), row.values[feature], values[feature]):
                wrong[feature] += 1
                if len(examples) < EXAMPLES:
                    examples.append(Difference(row.key, feature, row.event_ts, row.values[feature], values[feature]))
    return Agreement(len(sample), compared, wrong, tuple(examples))


def _recomputed(
    platform: PlatformView, view: FeatureView, source: DataSource, sample: list[FeatureRow]
) -> list[dict[str, FeatureValue]]:
    keys = entity_key_sql([_column(name) for name in platform.catalog.entity(view.entity).join_keys])
    longest = max((a.window for a in view.aggregations), default=timedelta(microseconds=1))
    start = min(r.event_ts for r in sample) - longest
    end = max(r.event_ts for r in sample) + timedelta(microseconds=1)
    spec = _spec(platform, source.name)
    table = platform.offline.read(source.table, start=start, end=end, time_column=source.event_timestamp)
    if spec.quarantine_since is not None:
        table = table.filter(_compute.less(table.column(source.event_timestamp), pa.scalar(spec.quarantine_since)))
    events = _catalog_columns(source, spec, table)
    asked = pa.table(
        {
            "place": pa.array(range(len(sample)), pa.int64()),
            "key": pa.array([r.key for r in sample], pa.string()),
            "at": pa.array([_us(r.event_ts) for r in sample], pa.int64()),
            "written": pa.array([_us(r.created_ts) for r in sample], pa.int64()),
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
        rows = connection.execute(query).fetchall()
    finally:
        connection.close()
    return [dict(zip(names, row[1:], strict=True)) for row in rows]


def _catalog_columns(source: DataSource, spec: SourceSpec, table: pa.Table) -> pa.Table:
    columns: dict[str, Any] = {}
    for column in source.columns:
        mapped = spec.field_mapping.get(column.name, column.name)
        names = [n for n in dict.fromkeys((column.name, mapped)) if n in table.column_names]
        columns[column.name] = _compute.coalesce(*(table.column(n) for n in names)) if names else pa.nulls(len(table))
    for name, stored in (("event_us", source.event_timestamp), ("created_us", source.created_timestamp)):
        columns[name] = table.column(stored).cast(pa.timestamp("us", tz="UTC")).cast(pa.int64())
    return pa.table(columns)


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


def _same(function: str | None, online: FeatureValue, fresh: FeatureValue) -> bool:
    if function is None and not (isinstance(online, float) and isinstance(fresh, float)):
        return online == fresh
    if online is None or fresh is None:
        # a count over nothing is 0 in SQL and may be null online: the model reads both as "nothing seen"
        return online == fresh or (function in _COUNTS and (online or 0.0) == (fresh or 0.0))
    first, second = float(online), float(fresh)  # type: ignore[arg-type]
    difference = abs(first - second)
    if function == "approx_distinct":
        return difference <= max(1.0, SKETCH_TOLERANCE * second)
    return bool(difference <= TOLERANCE * max(1.0, abs(second))) or bool(np.isnan(first) and np.isnan(second))


def _spec(platform: PlatformView, source: str) -> SourceSpec:
    try:
        spec = platform.resources.get(urn("source", source)).spec
    except NotFound:
        return SourceSpec()
    return spec if isinstance(spec, SourceSpec) else SourceSpec()


def _us(value: datetime) -> int:
    return round(value.timestamp() * 1e6)
