"""Windowed aggregations, declared once and compiled to the SQL of DuckDB, Spark and Flink by one builder.

A feature at time t is `function` over `column` of the entity's events with event time in `(t - window, t]`. Two uses
share one expression per aggregation:

- `aggregate_as_of`: features at given (key, t) points, for materialization, restoring and requests for a moment;
- `aggregate_at_events`: features at each event, by `RANGE BETWEEN INTERVAL … PRECEDING AND CURRENT ROW`, for history
  and streams.

Nulls are as SQL has them: count counts rows, sum and mean and the rest ignore null values and are null over none.
`last` is the newest non-null value, ties of event time broken by the created time. `approx_distinct` is counted exactly
by all dialects here: batch and stream then agree to the last digit.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from platform_core.catalog.filters import parse_filter
from platform_core.catalog.specs import Aggregation, FeatureView
from platform_core.features.dialects import DUCKDB, Dialect


@dataclass(frozen=True)
class SourceColumns:
    """Names of the columns that a compiled query reads."""

    key: str
    event_timestamp: str = "event_ts"
    created_timestamp: str = "ingested_at"


def aggregate_as_of(
    view: FeatureView,
    columns: SourceColumns,
    *,
    events: str = "events",
    points: str = "points",
    condition: str | None = None,
    dialect: Dialect = DUCKDB,
) -> str:
    """SQL: one row (key, event_ts, <features>) for each distinct row of relation `points` (point_key, point_ts).

    A point without events in its windows counts 0 and has nulls elsewhere. `condition` restricts the events (alias e).
    """
    quote = dialect.quote
    event_ts = f"e.{quote(columns.event_timestamp)}"

    def since(window: timedelta) -> str:
        return f"{event_ts} > p.point_ts - {dialect.interval(window)}"

    features = ",\n  ".join(
        _feature(dialect, a, columns, "e.", within=since(a.window)) + f" AS {quote(a.name)}" for a in view.aggregations
    )
    only = f" AND ({condition})" if condition else ""
    return f"""
SELECT p.point_key AS {quote("key")}, p.point_ts AS event_ts,
  {features}
FROM (SELECT DISTINCT point_key, point_ts FROM {points}) p
LEFT JOIN {events} e ON e.{quote(columns.key)} = p.point_key
  AND {event_ts} <= p.point_ts AND {since(longest_window(view))}{only}
GROUP BY p.point_key, p.point_ts"""  # noqa: S608


def aggregate_at_events(
    view: FeatureView, columns: SourceColumns, *, events: str = "events", dialect: Dialect = DUCKDB
) -> str:
    """SQL: one row (key, event_ts, created_ts, <features>) for each row of relation `events` that has a key.

    `created_ts` is the newest of the events in the row's longest window: before, its values were not all known.
    """
    quote = dialect.quote
    key, event_ts = quote(columns.key), quote(columns.event_timestamp)
    windows = sorted({a.window for a in view.aggregations})
    # The frame's lower end is inclusive: a window that is shorter by the least difference of times excludes t - window.
    definitions = [
        f"w{i} AS (PARTITION BY {key} ORDER BY {event_ts} "
        f"RANGE BETWEEN {dialect.interval(window - dialect.resolution)} PRECEDING AND CURRENT ROW)"
        for i, window in enumerate(windows)
    ]

    def feature(aggregation: Aggregation) -> str:
        return _feature(dialect, aggregation, columns, "e.", over=f" OVER w{windows.index(aggregation.window)}")

    last = len(windows) - 1
    known = f"max(e.{quote(columns.created_timestamp)}) OVER w{last}"
    ends = f"{key} AS {quote('key')}, {event_ts} AS event_ts"
    if dialect.windows_per_select is None:
        separated = ",\n  "
        features = separated.join(f"{feature(a)} AS {quote(a.name)}" for a in view.aggregations)
        return f"""
SELECT {ends}, {known} AS created_ts,
  {features}
FROM {events} e WHERE {key} IS NOT NULL
WINDOW {separated.join(definitions)}"""  # noqa: S608
    numbered = {a.name: quote(f"__feature_{i}") for i, a in enumerate(view.aggregations)}
    created = quote("__created")
    relation = f"(SELECT * FROM {events} WHERE {key} IS NOT NULL)"  # noqa: S608
    for window, definition in zip(windows, definitions, strict=True):
        features = ",\n  ".join(f"{feature(a)} AS {numbered[a.name]}" for a in view.aggregations if a.window == window)
        if window == windows[last]:
            features = f"{known} AS {created},\n  {features}"
        relation = f"(\nSELECT e.*,\n  {features}\nFROM {relation} e\nWINDOW {definition})"
    features = ",\n  ".join(f"{numbered[a.name]} AS {quote(a.name)}" for a in view.aggregations)
    return f"\nSELECT {ends}, {created} AS created_ts,\n  {features}\nFROM {relation} e"


def interval(value: timedelta) -> str:
    return DUCKDB.interval(value)


def longest_window(view: FeatureView) -> timedelta:
    return max((a.window for a in view.aggregations), default=timedelta(0))


def timestamp(value: datetime) -> str:
    return DUCKDB.timestamp(value)


def quote(name: str) -> str:
    return DUCKDB.quote(name)


def _feature(
    dialect: Dialect, aggregation: Aggregation, columns: SourceColumns, prefix: str, *, within: str = "", over: str = ""
) -> str:
    """The aggregate of the rows that lie `within` the window and pass the filter, as a float64."""
    event_ts, created_ts = (
        prefix + dialect.quote(column) for column in (columns.event_timestamp, columns.created_timestamp)
    )
    value = event_ts if aggregation.function == "count" else prefix + dialect.quote(aggregation.column)
    conditions = [within] if within else []
    if aggregation.filter:
        conditions.append(dialect.condition(parse_filter(aggregation.filter), prefix))
    if conditions:
        value = f"CASE WHEN {' AND '.join(conditions)} THEN {value} END"
    return f"CAST({dialect.aggregate(aggregation.function, value, (event_ts, created_ts), over)} AS DOUBLE)"
