"""The SQL of three dialects: as it was reviewed, as sqlglot reads it, and what it means where it can be run.

Neither Spark nor Flink runs here. sqlglot translates Spark's SQL to DuckDB's, which then must give the same answers; of
Flink's, which sqlglot has no dialect for, the words that differ from the standard are declared below.
VIGIA_WRITE_SNAPSHOTS=1 writes the reviewed files anew.
"""

from __future__ import annotations

import os
import random
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import pyarrow as pa
import pytest
import sqlglot
from sqlglot import exp, tokens
from sqlglot.dialects.dialect import Dialect as SqlglotDialect
from sqlglot.optimizer.qualify import qualify

from platform_core.catalog.filters import parse_filter
from platform_core.catalog.specs import Aggregation, FeatureView
from platform_core.features.dialects import DIALECTS, DUCKDB, SPARK
from platform_core.features.transformations import SourceColumns, aggregate_as_of, aggregate_at_events

SNAPSHOTS = Path(__file__).parent / "sql"
FUNCTIONS = ("count", "sum", "mean", "min", "max", "last", "stddev", "approx_distinct")
MINUTE = timedelta(minutes=1)
FILTER = "channel = 'it''s \\ online' AND NOT (amount < -2.5 OR \"card id\" IS NULL) OR amount BETWEEN 1 AND 2 * 4"
VIEW = FeatureView(
    name="v",
    entity="e",
    sources=(),
    aggregations=(
        *(Aggregation(name=f"{f}_10m", function=f, column="amount", window=10 * MINUTE) for f in FUNCTIONS),  # pyright: ignore[reportArgumentType]
        Aggregation(name="sum_filtered", function="sum", column="amount", window=timedelta(days=120), filter=FILTER),
        Aggregation(
            name="last_filtered", function="last", column="amount", window=10 * MINUTE, filter="channel <> 'x'"
        ),
    ),
    ttl=timedelta(hours=1),
    freshness_sla=MINUTE,
    owner="o",
    channel="c",
    description="d",
)
COLUMNS = SourceColumns(key="card id")
TYPES = {
    "card id": "text",
    "event_ts": "timestamptz",
    "ingested_at": "timestamptz",
    "amount": "double",
    "channel": "text",
}
SCHEMA = {"events": TYPES, "points": {"point_key": "text", "point_ts": "timestamptz"}}
DAY_TO_SECOND = re.compile("INTERVAL '([^']*)' DAY TO SECOND")
FORMS = {"as_of": aggregate_as_of, "at_events": aggregate_at_events}
EACH = pytest.mark.parametrize(("dialect", "form"), [(d, f) for d in DIALECTS for f in FORMS])


class Flink(SqlglotDialect):
    """Apache Calcite's SQL with back-ticks, as far as it matters here; registers itself as `flink`."""

    class Tokenizer(tokens.Tokenizer):
        IDENTIFIERS = ["`"]  # noqa: RUF012


def compiled(dialect: str, form: str) -> str:
    return FORMS[form](VIEW, COLUMNS, dialect=DIALECTS[dialect]).strip() + "\n"


@EACH
def test_the_text_is_the_reviewed_one(dialect: str, form: str) -> None:
    path = SNAPSHOTS / f"{dialect}_{form}.sql"
    if os.environ.get("VIGIA_WRITE_SNAPSHOTS"):
        path.write_text(compiled(dialect, form))
    assert compiled(dialect, form) == path.read_text(), f"review the change, then write {path} anew"


@EACH
def test_its_dialect_reads_it_and_finds_every_column(dialect: str, form: str) -> None:
    tree = sqlglot.parse_one(compiled(dialect, form), dialect=dialect)
    assert not list(tree.find_all(exp.Command))
    assert not list(tree.find_all(exp.Anonymous)), "a function that sqlglot does not know"
    named = {"created_ts"} if form == "at_events" else set[str]()
    assert {e.alias_or_name for e in tree.selects} == {"key", "event_ts", *named, *(a.name for a in VIEW.aggregations)}
    qualify(tree, schema=SCHEMA, dialect=dialect)  # raises for a column that is nowhere


@pytest.mark.parametrize("form", FORMS)
def test_spark_means_what_duckdb_means(form: str) -> None:
    translated = sqlglot.transpile(compiled("spark", form), read="spark", write="duckdb")[0]
    translated = DAY_TO_SECOND.sub(_as_microseconds, translated)  # DuckDB has no such literal
    rng = random.Random(7)
    with duckdb.connect() as database:
        database.execute("SET TimeZone = 'UTC'")
        for _ in range(6):
            events = _events(rng)
            database.register("events", events)
            points = {"point_key": events["card id"], "point_ts": events["event_ts"]}
            database.register("points", pa.table(points))
            ours = database.sql(f"SELECT * FROM ({compiled('duckdb', form)}) ORDER BY ALL").fetchall()
            # Over nothing, Spark's collect_set is an empty array and DuckDB's list is null.
            zero = "coalesce(approx_distinct_10m, 0.0) AS approx_distinct_10m"
            sparks = database.sql(f"SELECT * REPLACE ({zero}) FROM ({translated}) ORDER BY ALL").fetchall()
            assert ours == sparks


def test_a_window_is_exclusive_at_its_old_end_by_the_least_difference_of_times() -> None:
    assert "INTERVAL 599999999 MICROSECONDS PRECEDING" in compiled("duckdb", "at_events")
    assert "INTERVAL '0 00:09:59.999999' DAY TO SECOND PRECEDING" in compiled("spark", "at_events")
    assert "INTERVAL '0 00:09:59.999' DAY(2) TO SECOND(3) PRECEDING" in compiled("flink", "at_events")


def test_flink_has_one_window_per_select() -> None:
    tree = sqlglot.parse_one(compiled("flink", "at_events"), dialect="flink")
    selects = [s for s in tree.find_all(exp.Select) if s.args.get("windows")]
    assert [len(s.args["windows"]) for s in selects] == [1, 1]


def test_texts_and_names_cannot_break_out() -> None:
    nasty = "a\\' OR '1'='1"
    condition = parse_filter('"we`ird ""name" = ' + DUCKDB.text(nasty))
    for name, dialect in DIALECTS.items():
        tree = sqlglot.parse_one(f"SELECT 1 FROM t WHERE {dialect.condition(condition)}", dialect=name)
        equal = tree.find(exp.Where).this.unnest()  # pyright: ignore[reportOptionalMemberAccess]
        assert isinstance(equal, exp.EQ), name
        assert equal.this.name == 'we`ird "name', name
        assert equal.expression.this == nasty, name


def test_moments_are_the_same_in_all() -> None:
    moment = datetime(2026, 11, 19, 5, 40, 0, 250_000, tzinfo=UTC)
    assert DUCKDB.timestamp(moment) == "TIMESTAMPTZ '2026-11-19T05:40:00.250000+00:00'"
    assert SPARK.timestamp(moment) == "TIMESTAMP '2026-11-19 05:40:00.250000+00:00'"
    assert DIALECTS["flink"].timestamp(moment) == f"TO_TIMESTAMP_LTZ({int(moment.timestamp() * 1000)}, 3)"


def _as_microseconds(found: re.Match[str]) -> str:
    days, hours, minutes, seconds = (float(part) for part in re.split("[ :]", found[1]))
    return f"INTERVAL {round((days * 86400 + hours * 3600 + minutes * 60 + seconds) * 1e6)} MICROSECONDS"


def _events(rng: random.Random) -> pa.Table:
    start = datetime(2026, 11, 19, tzinfo=UTC)
    size = rng.randrange(30)
    times = pa.timestamp("us", "UTC")
    return pa.table(
        {
            "card id": pa.array([rng.choice(["a", "b"]) for _ in range(size)], pa.string()),
            "event_ts": pa.array([start + rng.randrange(40) * MINUTE for _ in range(size)], times),
            "ingested_at": pa.array([start + timedelta(hours=2, seconds=i) for i in range(size)], times),
            "amount": pa.array([rng.choice([None, 1.0, 2.0, -3.5]) for _ in range(size)], pa.float64()),
            "channel": pa.array([rng.choice(["it's \\ online", "x", None]) for _ in range(size)], pa.string()),
        }
    )
