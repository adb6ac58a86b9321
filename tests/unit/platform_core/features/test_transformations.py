"""Both compiled forms of an aggregation against plain Python, and against each other."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import duckdb
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from platform_core.catalog.specs import Aggregation, FeatureView
from platform_core.features.transformations import SourceColumns, aggregate_as_of, aggregate_at_events

T0 = datetime(2026, 11, 19, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
TIMESTAMP = pa.timestamp("us", "UTC")
FUNCTIONS: tuple[Any, ...] = ("count", "sum", "mean", "min", "max", "last", "stddev", "approx_distinct")
VIEW = FeatureView(
    name="v",
    entity="e",
    sources=(),
    aggregations=(
        *(Aggregation(name=f"{f}_10m", function=f, column="amount", window=10 * MINUTE) for f in FUNCTIONS),
        Aggregation(
            name="online_30m", function="sum", column="amount", window=30 * MINUTE, filter="channel = 'online'"
        ),
    ),
    ttl=timedelta(hours=1),
    freshness_sla=MINUTE,
    owner="o",
    channel="c",
    description="d",
)
COLUMNS = SourceColumns(key="card id")
Event = tuple[str, int, float | None, str]
"""(key, minute, amount, channel); created in list order."""


@pytest.fixture(scope="module")
def database() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        yield connection


def relation(events: list[Event]) -> pa.Table:
    return pa.table(
        {
            "card id": pa.array([e[0] for e in events], pa.string()),
            "event_ts": pa.array([T0 + e[1] * MINUTE for e in events], TIMESTAMP),
            "ingested_at": pa.array([T0 + timedelta(hours=2, seconds=i) for i in range(len(events))], TIMESTAMP),
            "amount": pa.array([e[2] for e in events], pa.float64()),
            "channel": pa.array([e[3] for e in events], pa.string()),
        }
    )


def expected(events: list[Event], key: str, minute: int) -> dict[str, float | None]:
    rows = [(e[1], i, e[2]) for i, e in enumerate(events) if e[0] == key and minute - 10 < e[1] <= minute]
    values = [value for _, _, value in rows if value is not None]
    online = [
        e[2] for e in events if e[0] == key and minute - 30 < e[1] <= minute and e[3] == "online" and e[2] is not None
    ]
    last = max(((at, i, value) for at, i, value in rows if value is not None), default=(0, 0, None))[2]
    return {
        "count_10m": float(len(rows)),
        "sum_10m": sum(values) if values else None,
        "mean_10m": sum(values) / len(values) if values else None,
        "min_10m": min(values, default=None),
        "max_10m": max(values, default=None),
        "last_10m": last,
        "stddev_10m": statistics.stdev(values) if len(values) > 1 else None,
        "approx_distinct_10m": float(len(set(values))),
        "online_30m": sum(online) if online else None,
    }


def close(actual: dict[str, Any], wanted: dict[str, float | None]) -> bool:
    return all(
        actual[name] is None if value is None else math.isclose(actual[name], value, rel_tol=1e-9, abs_tol=1e-6)
        for name, value in wanted.items()
    )


events_strategy = st.lists(
    st.tuples(
        st.sampled_from(["a", "b"]),
        st.integers(0, 60),
        st.none() | st.integers(1, 9).map(float),
        st.sampled_from(["online", "store"]),
    ),
    max_size=25,
)


@settings(max_examples=60, deadline=None)
@given(events=events_strategy, points=st.lists(st.tuples(st.sampled_from(["a", "b"]), st.integers(0, 70)), max_size=8))
def test_both_forms_mean_what_python_means(
    database: duckdb.DuckDBPyConnection, events: list[Event], points: list[tuple[str, int]]
) -> None:
    database.register("events", relation(events))
    for row in database.sql(aggregate_at_events(VIEW, COLUMNS)).to_arrow_table().to_pylist():
        minute = (row["event_ts"] - T0) // MINUTE
        assert close(row, expected(events, row["key"], minute)), row
    asked = {"point_key": [key for key, _ in points], "point_ts": [T0 + at * MINUTE for _, at in points]}
    schema = pa.schema({"point_key": pa.string(), "point_ts": TIMESTAMP})
    database.register("points", pa.table(asked, schema=schema))
    answer = database.sql(aggregate_as_of(VIEW, COLUMNS)).to_arrow_table().to_pylist()
    assert {(row["key"], (row["event_ts"] - T0) // MINUTE) for row in answer} == set(points)
    for row in answer:
        assert close(row, expected(events, row["key"], (row["event_ts"] - T0) // MINUTE)), row


def test_every_feature_is_a_float64(database: duckdb.DuckDBPyConnection) -> None:
    database.register("events", relation([("a", 0, 1.0, "online")]))
    table = database.sql(aggregate_at_events(VIEW, COLUMNS)).to_arrow_table()
    assert {table.schema.field(a.name).type for a in VIEW.aggregations} == {pa.float64()}
    assert table.schema.field("event_ts").type == TIMESTAMP
