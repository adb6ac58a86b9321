"""Online values against the same features computed afresh from the offline store, as of the same moment."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
from pydantic import Field

from platform_core.catalog.specs import Aggregation, DataSource, FeatureView
from platform_core.features.online.port import FeatureRow
from platform_core.features.values import FeatureValue
from platform_core.view import PlatformView
from tools.answers import no_data, success
from tools.contract import Observation, ToolArguments
from tools.declaration import Tool
from tools.reading import arrow, find_view, source_of_tenant, source_spec

EVENT_ID = "event_id"
TOLERANCE = 1e-6
"""Relative: sums of doubles in another order differ in the last bits only."""
SKETCH_TOLERANCE = 0.15
"""Relative, for approx_distinct: HyperLogLog against an exact count, and never less than one."""

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


class Arguments(ToolArguments):
    view: str
    tenant: str
    sample: int = Field(default=40, ge=1, le=500)


def observe(platform: PlatformView, arguments: Arguments) -> Observation:
    """Recompute each sampled row from events in (t - window, t] that had arrived when it was written. Independent of
    the materialization's own SQL on purpose: a shared mistake would agree with itself."""
    view = find_view(platform, arguments.view)
    source = source_of_tenant(platform, view, arguments.tenant)
    sample = platform.online.sample(arguments.tenant, view.name, arguments.sample)
    if not sample:
        note = f"sample of {view.name} of {arguments.tenant}"
        return no_data(f"{view.name} of {arguments.tenant} has no online rows", {"sampled": 0}, note=note)
    fresh = _recompute(platform, view, source, sample)
    compared = mismatches = 0
    wrong: dict[str, int] = {}
    for row, values in zip(sample, fresh, strict=True):
        for aggregation in view.aggregations:
            if aggregation.name not in row.values:
                continue
            compared += 1
            if not _same(aggregation, row.values[aggregation.name], values[aggregation.name]):
                mismatches += 1
                wrong[aggregation.name] = wrong.get(aggregation.name, 0) + 1
    worst = max(wrong, key=lambda name: wrong[name]) if wrong else None
    rate = mismatches / compared if compared else 0.0
    figures = {
        "sampled": len(sample),
        "compared": compared,
        "mismatches": mismatches,
        "mismatch_rate": rate,
        "agrees": rate <= 0.02,
        "worst_feature": worst,
    }
    said = f"{mismatches} of {compared} values differ" + (f", most in {worst}" if worst else "")
    return success(f"{view.name} of {arguments.tenant}, online against offline: {said}", figures)


def _recompute(
    platform: PlatformView, view: FeatureView, source: DataSource, sample: list[FeatureRow]
) -> list[dict[str, float | None]]:
    key = platform.catalog.entity(view.entity).join_key
    longest = max((a.window for a in view.aggregations), default=timedelta())
    start = min(r.event_ts for r in sample) - longest
    end = max(r.event_ts for r in sample) + timedelta(microseconds=1)
    table = platform.offline.read(source.table, start=start, end=end, time_column=source.event_timestamp)
    quarantine = source_spec(platform, source.name).quarantine_since
    if quarantine is not None:
        table = table.filter(arrow.less(table.column(source.event_timestamp), pa.scalar(quarantine)))
    events = _catalog_columns(platform, source, table)
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
    columns = ", ".join(_expression(a) for a in view.aggregations)
    longest_us = int(longest.total_seconds() * 1e6)
    query = (
        f'SELECT s.place, {columns} FROM asked s LEFT JOIN {distinct} e ON e."{key}" = s.key '  # noqa: S608 - names are the catalog's
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
    return [dict(zip([a.name for a in view.aggregations], row[1:], strict=True)) for row in rows]


def _catalog_columns(platform: PlatformView, source: DataSource, table: pa.Table) -> pa.Table:
    mapping = source_spec(platform, source.name).field_mapping
    columns: dict[str, Any] = {}
    for column in source.columns:
        names = [
            n for n in dict.fromkeys((column.name, mapping.get(column.name, column.name))) if n in table.column_names
        ]
        columns[column.name] = arrow.coalesce(*(table.column(n) for n in names)) if names else pa.nulls(table.num_rows)
    for name, stored in (("event_us", source.event_timestamp), ("created_us", source.created_timestamp)):
        columns[name] = table.column(stored).cast(pa.timestamp("us", tz="UTC")).cast(pa.int64())
    return pa.table(columns)


def _expression(aggregation: Aggregation) -> str:
    window = int(aggregation.window.total_seconds() * 1e6)
    column = "e.event_us" if aggregation.column == "*" else f'e."{aggregation.column}"'
    condition = f"e.event_us > s.at - {window}" + (f" AND ({aggregation.filter})" if aggregation.filter else "")
    return (
        f'{_FUNCTIONS[aggregation.function].format(column=column)} FILTER (WHERE {condition}) AS "{aggregation.name}"'
    )


def _same(aggregation: Aggregation, online: FeatureValue, fresh: float | None) -> bool:
    if isinstance(online, str | datetime):
        return online == fresh
    if online is None or fresh is None:
        # a count over nothing is 0 in SQL and may be null online: the model reads both as "nothing seen"
        return (online or 0.0) == (fresh or 0.0)
    difference = abs(float(online) - float(fresh))
    if aggregation.function == "approx_distinct":
        return difference <= max(1.0, SKETCH_TOLERANCE * float(fresh))
    return bool(difference <= TOLERANCE * max(1.0, abs(float(fresh)))) or bool(np.isnan(online) and np.isnan(fresh))


def _us(value: Any) -> int:
    return round(value.timestamp() * 1e6)


TOOL = Tool(
    name="parity",
    summary="A sample of online values against the same features recomputed from the offline store",
    arguments=Arguments,
    example={"view": "card_velocity", "tenant": "br"},
    figures={
        "sampled": "online rows sampled",
        "compared": "values compared",
        "mismatches": "values that differ beyond rounding (15 % or one, for approximate distinct counts)",
        "mismatch_rate": "the same per value compared, 0..1",
        "agrees": "whether at most 2 % differ",
        "worst_feature": "the feature that differs most often",
    },
    run=observe,
)
