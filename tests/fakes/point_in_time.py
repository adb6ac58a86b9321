"""Random point-in-time questions with the answers of an oracle that is too simple to be wrong.

The oracle is a loop over all rows in plain Python, on whole nanoseconds; it shares no code with the join. Times lie on
a coarse grid, so that bounds and ties are hit all the time, and are sometimes a microsecond off it.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

import pyarrow as pa

from platform_core.catalog.specs import Catalog, Entity, Feature, FeatureService, FeatureView
from platform_core.features.keys import entity_key
from platform_core.features.offline.port import OfflineStore

T0 = datetime(2026, 11, 19, tzinfo=UTC)
TIMESTAMP = pa.timestamp("us", "UTC")
US = 1000
MINUTE = 60_000_000 * US
SKEW = 10 * MINUTE
Historical = Callable[..., pa.Table]


class ShuffledStore(OfflineStore):
    """Tables that come in batches of any size; also the time range is only a hint, as it may be."""

    def __init__(self, tables: dict[str, pa.Table], rng: random.Random) -> None:
        self._tables = tables
        self._rng = rng

    def scan(
        self,
        table: str,
        *,
        start: datetime | None = None,
        end: datetime | None = None,
        columns: Sequence[str] | None = None,
        time_column: str = "event_ts",
    ) -> Iterator[pa.RecordBatch]:
        rows = self._tables[table].select(list(columns or self._tables[table].column_names))
        return iter(rows.to_batches(max_chunksize=self._rng.choice([2, 9, 100])))

    def schema(self, table: str) -> pa.Schema:
        return self._tables[table].schema

    def written_until(self, end: int) -> ShuffledStore:
        """In microseconds since the epoch."""
        kept: dict[str, pa.Table] = {}
        for name, rows in self._tables.items():
            written = zip(*(rows[c].cast(pa.int64()).to_pylist() for c in ("created_ts", "event_ts")), strict=True)
            keep = [(event if created is None else created) <= end for created, event in written]
            kept[name] = rows.filter(pa.array(keep, pa.bool_()))
        return ShuffledStore(kept, self._rng)


@dataclass(frozen=True)
class Row:
    """Times in nanoseconds since T0."""

    tenant: str
    key: tuple[object, ...]
    event: int
    created: int | None
    values: tuple[object, ...]


@dataclass(frozen=True)
class View:
    spec: FeatureView
    keys: tuple[str, ...]
    rows: list[Row]


@dataclass(frozen=True)
class Case:
    catalog: Catalog
    views: list[View]
    entity_rows: pa.Table
    moments: list[int]
    as_of: str
    statuses: bool
    store: ShuffledStore


def check(case: Case, historical: Historical) -> None:
    """Raises AssertionError where `historical` (as `get_historical_features`) and the oracle differ."""
    answer = historical(case.store, case.catalog, "all", case.entity_rows, as_of=case.as_of, statuses=case.statuses)
    assert answer.select(case.entity_rows.column_names).equals(case.entity_rows), "the entity rows came back changed"
    asked = case.entity_rows.to_pylist()
    for view in case.views:
        expected = [oracle(case, view, row, moment) for row, moment in zip(asked, case.moments, strict=True)]
        for place, feature in enumerate(view.spec.fields):
            column = f"{view.spec.name}__{feature.name}"
            assert answer[column].to_pylist() == [values[place] for values, _ in expected], column
            if case.statuses:
                statuses = [status(values[place], found) for values, found in expected]
                assert answer[f"{column}__status"].to_pylist() == statuses, column


def written_until(case: Case, moment: int) -> Case:
    """The case as it was at `moment`, which is its only one: without the rows created since."""
    end = int(T0.timestamp()) * 10**6 + moment // US
    return replace(case, store=case.store.written_until(end), moments=[moment])


def oracle(case: Case, view: View, asked: dict[str, Any], moment: int) -> tuple[tuple[object, ...], str]:
    nothing = (None,) * len(view.spec.fields)
    key = tuple(asked[name] for name in view.keys)
    best: Row | None = None
    for row in view.rows:
        created = row.event if row.created is None else row.created
        if row.tenant != asked["tenant"] or row.key != key or row.event > moment or row.event > created + SKEW:
            continue
        if case.as_of == "created" and created > moment:
            continue
        if best is None or order(row, view) > order(best, view):
            best = row
    if best is None:
        return nothing, "missing"
    if best.event < moment - view.spec.ttl // timedelta(microseconds=1) * US:
        return nothing, "expired"
    return best.values, "found"


def order(row: Row, view: View) -> tuple[object, ...]:
    by_name = sorted(zip((f.name for f in view.spec.fields), row.values, strict=True))
    ties = tuple((False, 0) if value is None else (True, value) for _, value in by_name)
    return row.event, row.event if row.created is None else row.created, ties


def status(value: object, found: str) -> str:
    if found != "found":
        return found
    return "null" if value is None else "present"


def random_case(seed: int) -> Case:
    rng = random.Random(seed)
    catalog = catalog_of(rng.choice([60, 90, 360]), rng.choice([0, 30, 240]))
    card, pair = catalog.feature_views
    views = [
        View(card, ("card_id",), _rows(rng, lambda: (rng.choice("ab"),), _card_values)),
        View(pair, ("country", "account"), _rows(rng, lambda: _pair(rng), _pair_values)),
    ]
    tables = {f"features_{view.spec.name}": _table(view, rng) for view in views}
    size = rng.choice([0, 1, 8, 24])
    moments = [_time(rng) for _ in range(size)]
    shifts, dtype = rng.choice(
        [((0,), TIMESTAMP), ((0,), pa.timestamp("ns", "America/Sao_Paulo")), ((0, 500), pa.timestamp("ns", "UTC"))]
    )
    moments = [moment + rng.choice(shifts) for moment in moments]
    pairs = [_pair(rng) for _ in range(size)]
    rows: dict[str, pa.Array] = {
        "position": pa.array(range(size), pa.int64()),
        "tenant": pa.array([rng.choice(["br", "br", "br", "mx"]) for _ in range(size)], pa.string()),
        "card_id": pa.array([rng.choice(["a", "b", "c", None]) for _ in range(size)], pa.string()),
        "country": pa.array([country for country, _ in pairs], pa.string()),
        "account": pa.array([account for _, account in pairs], pa.int64()),
        "event_timestamp": _times(moments, dtype),
    }
    entity_rows = pa.table(rows)
    if size and rng.random() < 0.5:
        twice = [*range(size), rng.randrange(size)]
        entity_rows, moments = entity_rows.take(twice), [moments[i] for i in twice]
    as_of = rng.choice(["event", "created"])
    return Case(catalog, views, entity_rows, moments, as_of, rng.random() < 0.5, ShuffledStore(tables, rng))


@cache
def catalog_of(card_minutes: int, pair_minutes: int) -> Catalog:
    def view(name: str, entity: str, minutes: int, *features: Feature) -> FeatureView:
        return FeatureView(
            name=name,
            entity=entity,
            sources=(),
            schema=features,  # pyright: ignore[reportCallIssue]
            ttl=timedelta(minutes=minutes),
            freshness_sla=timedelta(hours=1),
            owner="o",
            channel="c",
            description="d",
        )

    card = view(
        "card", "card", card_minutes, Feature(name="mean", dtype="float64"), Feature(name="city", dtype="string")
    )
    pair = view("pair", "pair", pair_minutes, Feature(name="count", dtype="int64"), Feature(name="ok", dtype="bool"))
    features = tuple(f"{v.name}:{f.name}" for v in (pair, card) for f in v.fields)
    return Catalog(
        entities=(
            Entity(name="card", join_keys=("card_id",), description="d"),
            Entity(name="pair", join_keys=("country", "account"), description="d"),
        ),
        sources=(),
        feature_views=(card, pair),
        feature_services=(FeatureService(name="all", features=features, owner="o", description="d"),),
    )


def _rows(
    rng: random.Random, key: Callable[[], tuple[object, ...]], values: Callable[[random.Random], tuple[object, ...]]
) -> list[Row]:
    rows: list[Row] = []
    for _ in range(rng.choice([0, 2, 15, 40])):
        event = _time(rng)
        late = rng.choice([0, 0, 30, 90, 300, -5, -10, -11, -120])
        created = None if rng.random() < 0.05 else event + late * MINUTE
        rows.append(Row(rng.choice(["br", "br", "br", "mx"]), key(), event, created, values(rng)))
    corrections = [Row(r.tenant, r.key, r.event, r.created, values(rng)) for r in rows if rng.random() < 0.2]
    later = [
        Row(r.tenant, r.key, r.event, r.created + 45 * MINUTE, values(rng))
        for r in rows
        if r.created is not None and rng.random() < 0.2
    ]
    rows += corrections + later + [r for r in rows if rng.random() < 0.1]
    rng.shuffle(rows)
    return rows


def _time(rng: random.Random) -> int:
    return 30 * MINUTE * rng.randrange(16) + US * rng.choice([0, 0, 0, 0, 1, -1])


def _pair(rng: random.Random) -> tuple[str, int]:
    return rng.choice(["AR", "A|", "A|1"]), rng.choice([1, 11])


def _card_values(rng: random.Random) -> tuple[object, ...]:
    return rng.choice([None, 1.0, 2.5, -3.0]), rng.choice([None, "x", "y"])


def _pair_values(rng: random.Random) -> tuple[object, ...]:
    return rng.choice([None, 1, 2, -3]), rng.choice([None, True, False])


def _table(view: View, rng: random.Random) -> pa.Table:
    types = {"float64": pa.float64(), "string": pa.string(), "int64": pa.int64(), "bool": pa.bool_()}
    columns = {
        "tenant": pa.array([r.tenant for r in view.rows], pa.string()),
        "key": pa.array([entity_key(r.key) for r in view.rows], pa.string()),
        "event_ts": _times([r.event for r in view.rows], TIMESTAMP),
        "created_ts": _times([r.created for r in view.rows], TIMESTAMP),
    }
    for place, feature in enumerate(view.spec.fields):
        columns[feature.name] = pa.array([r.values[place] for r in view.rows], types[feature.dtype])
    if rng.random() < 0.3:
        columns["tenant"], columns["key"] = (columns[n].dictionary_encode() for n in ("tenant", "key"))
    return pa.table(columns)


def _times(since: Sequence[int | None], dtype: pa.DataType) -> pa.Array:
    base = int(T0.timestamp()) * 10**9
    unit = US if dtype == TIMESTAMP else 1
    return pa.array([None if t is None else (base + t) // unit for t in since], pa.int64()).cast(dtype)
