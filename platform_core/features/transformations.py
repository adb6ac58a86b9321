"""Windowed aggregations, declared once and compiled to SQL.

A feature at time t is `function` over `column` of the entity's events with event time in `(t - window, t]`. Two uses
share one expression per aggregation:

- `aggregate_as_of`: features at given (key, t) points, for materialization, restoring and requests for a moment;
- `aggregate_at_events`: features at each event, by `RANGE BETWEEN INTERVAL … PRECEDING AND CURRENT ROW`, for history.

Nulls are as SQL has them: count counts rows, sum and mean and the rest ignore null values and are null over none.
`last` is the newest non-null value, ties of event time broken by the created time. `approx_distinct` is counted exactly
by this dialect: batch and stream then agree to the last digit.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from platform_core.catalog.specs import Aggregation, FeatureView

_MICROSECOND = timedelta(microseconds=1)


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
    condition: str = "true",
) -> str:
    """SQL: one row (key, event_ts, <features>) for each distinct row of relation `points` (point_key, point_ts).

    A point without events in its windows counts 0 and has nulls elsewhere. `condition` restricts the events (alias e).
    """
    features = ",\n  ".join(f"{_as_of(a, columns)} AS {quote(a.name)}" for a in view.aggregations)
    event_ts = f"e.{quote(columns.event_timestamp)}"
    return f"""
SELECT p.point_key AS key, p.point_ts AS event_ts,
  {features}
FROM (SELECT DISTINCT point_key, point_ts FROM {points}) p
LEFT JOIN {events} e ON e.{quote(columns.key)} = p.point_key
  AND {event_ts} <= p.point_ts AND {event_ts} > p.point_ts - {interval(longest_window(view))} AND ({condition})
GROUP BY p.point_key, p.point_ts"""  # noqa: S608


def aggregate_at_events(view: FeatureView, columns: SourceColumns, *, events: str = "events") -> str:
    """SQL: one row (key, event_ts, created_ts, <features>) for each row of relation `events` that has a key."""
    windows = sorted({a.window for a in view.aggregations})
    key, event_ts = quote(columns.key), quote(columns.event_timestamp)
    features = ",\n  ".join(
        f"CAST({_call(a, 'e.', columns)} FILTER (WHERE {_filter(a)}) OVER w{windows.index(a.window)} AS DOUBLE) "
        f"AS {quote(a.name)}"
        for a in view.aggregations
    )
    # The frame's lower end is inclusive and times are whole microseconds: one microsecond less excludes t - window.
    definitions = ",\n  ".join(
        f"w{i} AS (PARTITION BY {key} ORDER BY {event_ts} "
        f"RANGE BETWEEN {interval(window - _MICROSECOND)} PRECEDING AND CURRENT ROW)"
        for i, window in enumerate(windows)
    )
    return f"""
SELECT {key} AS key, {event_ts} AS event_ts, {quote(columns.created_timestamp)} AS created_ts,
  {features}
FROM {events} e WHERE {key} IS NOT NULL
WINDOW {definitions}"""  # noqa: S608


def interval(value: timedelta) -> str:
    return f"INTERVAL {value // _MICROSECOND} MICROSECONDS"


def longest_window(view: FeatureView) -> timedelta:
    return max((a.window for a in view.aggregations), default=timedelta(0))


def timestamp(value: datetime) -> str:
    return f"TIMESTAMPTZ '{value.astimezone(UTC).isoformat()}'"


def quote(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _as_of(aggregation: Aggregation, columns: SourceColumns) -> str:
    event_ts = f"e.{quote(columns.event_timestamp)}"
    within = f"{event_ts} > p.point_ts - {interval(aggregation.window)}"
    return f"CAST({_call(aggregation, 'e.', columns)} FILTER (WHERE {within} AND {_filter(aggregation)}) AS DOUBLE)"


def _filter(aggregation: Aggregation) -> str:
    return f"({aggregation.filter})" if aggregation.filter else "true"


def _call(aggregation: Aggregation, prefix: str, columns: SourceColumns) -> str:
    column = f"{prefix}{quote(aggregation.column)}"
    event_ts, created_ts = (f"{prefix}{quote(c)}" for c in (columns.event_timestamp, columns.created_timestamp))
    match aggregation.function:
        case "count":
            return f"count({event_ts})"
        case "approx_distinct":
            return f"count(DISTINCT {column})"
        case "last":
            return f"arg_max({column}, ({event_ts}, {created_ts}))"
        case "mean":
            return f"avg({column})"
        case "stddev":
            return f"stddev_samp({column})"
        case "sum" | "min" | "max":
            return f"{aggregation.function}({column})"
