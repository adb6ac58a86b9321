"""Every kind of monitor: silent where nothing is wrong, and where something is, it says what, how much and of how many.

A new kind is one file, one line in the registry, and a story here.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from platform_core.catalog.specs import Catalog, Column, FeatureService, FeatureView
from platform_core.features.dialects import DUCKDB
from platform_core.features.online.port import FeatureRow
from platform_core.monitoring.agreement import compare
from platform_core.monitoring.alert import AlertKind
from platform_core.monitoring.definitions import definitions
from platform_core.monitoring.recent import shared
from platform_core.monitoring.registry import monitors
from platform_core.operations.timeline import JobRun, UsageRecord
from tests.fakes.monitored import NOW, TIMESTAMP, Monitored
from tests.fakes.offline_store import FakeOfflineStore

MINUTE = timedelta(minutes=1)
SOURCE, VIEW = "urn:vigia:source:payments_br", "urn:vigia:feature_view:card_velocity"
ENDPOINT, JOB = "urn:vigia:endpoint:fraud-br", "urn:vigia:job:materialize-card_velocity"


@dataclass(frozen=True)
class Story:
    """`write(platform, wrong)` makes the platform healthy, or not. `says` are what the page must name."""

    name: str
    subject: str
    threshold: float
    kind: AlertKind
    write: Callable[[Monitored, bool], None]
    says: tuple[str, ...]


def payments(
    platform: Monitored, start: datetime, count: int, step: timedelta, *, seed: int = 1, **columns: Callable[[int], Any]
) -> None:
    rng = np.random.default_rng(seed)
    events = [start + step * n for n in range(count)]
    made: dict[str, list[Any]] = {
        "event_id": [f"{start.isoformat()}{n}" for n in range(count)],
        "event_ts": events,
        "ingested_at": [at + timedelta(seconds=30) for at in events],
        "card_id": [f"c{n % 40}" for n in range(count)],
        "device_id": [f"d{rng.integers(300)}" for n in range(count)],
        "amount": list(rng.lognormal(3.7, 1.0, count)),
    }
    for name, make in columns.items():
        made[name] = [make(n) for n in range(count)]
    table = pa.table(made)
    for name in ("event_ts", "ingested_at"):
        if pa.types.is_timestamp(table.schema.field(name).type):
            table = table.set_column(table.column_names.index(name), name, table[name].cast(TIMESTAMP))
    platform.offline.append("payments_br", table)


def lately(platform: Monitored, **columns: Callable[[int], Any]) -> None:
    payments(platform, NOW - 14 * MINUTE, 80, timedelta(seconds=10), **columns)


def freshness(platform: Monitored, wrong: bool) -> None:
    platform.online.newest["br", "card_velocity"] = NOW - (11 if wrong else 9) * MINUTE


def volume(platform: Monitored, wrong: bool) -> None:
    payments(platform, NOW - timedelta(days=3), 3 * 1440 - (60 if wrong else 0), MINUTE / 2, seed=2)
    payments(platform, NOW - timedelta(days=3), 3 * 1440 * 2 - (120 if wrong else 0), MINUTE / 2, seed=3)


def nulls(platform: Monitored, wrong: bool) -> None:
    lately(platform, amount=lambda n: None if wrong and n % 3 == 0 else 10.0)


def drift(platform: Monitored, wrong: bool) -> None:
    platform.payments(NOW - timedelta(days=2), 2 * 1440 - 180, 3)
    platform.payments(NOW - 15 * MINUTE, 15, 6, median=4000.0 if wrong else 40.0, seed=9)


def jobs(platform: Monitored, wrong: bool) -> None:
    for minutes in (4, 3, 2):
        failed = wrong and minutes < 4
        platform.records.runs.append(
            JobRun(
                id=f"run{minutes}", job=JOB, subject=VIEW, tenant="br", started_at=NOW - minutes * MINUTE,
                status="failed" if failed else "succeeded", error="the disk is full" if failed else None,
            )
        )  # fmt: skip


def score(platform: Monitored, wrong: bool) -> None:
    platform.predictions(NOW - timedelta(days=1), 1440 - 70, 4, declined=0.014)
    platform.predictions(NOW - 20 * MINUTE, 20, 5, declined=0.15 if wrong else 0.014, seed=4)


def latency(platform: Monitored, wrong: bool) -> None:
    platform.predictions(NOW - 12 * MINUTE, 12, 5, declined=0.01, latency_ms=300.0 if wrong else 6.0)


def cost(platform: Monitored, wrong: bool) -> None:
    for day in range(1, 15):
        platform.records.days.append(
            UsageRecord(
                day=(NOW - timedelta(days=day)).date(), resource_id=ENDPOINT, tenant="br", requests=900, replicas=4,
                cpu_utilization=0.01 if wrong else 0.4, p99_latency_ms=6.0, billed_cost=19.2,
            )
        )  # fmt: skip


def lag(platform: Monitored, wrong: bool) -> None:
    late = 400 if wrong else 20
    start = NOW - 14 * MINUTE
    lately(platform, ingested_at=lambda n: start + timedelta(seconds=10 * n + late))


def ranges(platform: Monitored, wrong: bool) -> None:
    lately(platform, amount=lambda n: 4e9 if wrong and n % 5 == 0 else 12.0)


def duplicates(platform: Monitored, wrong: bool) -> None:
    lately(platform, event_id=lambda n: f"e{n // 2 if wrong else n}")


def cardinality(platform: Monitored, wrong: bool) -> None:
    for day in range(1, 6):
        payments(platform, NOW - timedelta(days=day, hours=1), 200, MINUTE / 4, seed=day)
    payments(platform, NOW - 55 * MINUTE, 200, MINUTE / 4, device_id=lambda n: "d1" if wrong else f"d{n * 7 % 300}")


def schema(platform: Monitored, wrong: bool) -> None:
    extra: dict[str, Callable[[int], Any]] = {
        name: lambda n: "x" for name in ("customer_id", "merchant_id", "currency", "merchant_category", "channel")
    }
    if wrong:
        extra["amount"] = lambda n: "12.50"
    lately(platform, **extra)


def clock(platform: Monitored, wrong: bool) -> None:
    ahead = timedelta(days=3) if wrong else timedelta(seconds=20)
    start = NOW - 14 * MINUTE
    lately(
        platform,
        event_ts=lambda n: start + timedelta(seconds=10 * n) + (ahead if n % 8 == 0 else timedelta(0)),
        ingested_at=lambda n: start + timedelta(seconds=10 * n),
    )


def parity(platform: Monitored, wrong: bool) -> None:
    payments(platform, NOW - 50 * MINUTE, 40, MINUTE, amount=lambda n: 10.0)
    values = {
        "tx_count_1h": 1.0,
        "tx_count_24h": 1.0,
        "amount_sum_1h": 13.0 if wrong else 10.0,
        "amount_mean_24h": 10.0,
    }
    rows = [FeatureRow(f"c{n}", NOW - 50 * MINUTE + n * MINUTE, NOW, values) for n in range(40)]
    platform.online.sample = lambda tenant, view, limit: rows[:limit]  # type: ignore[method-assign]


def screened(platform: Monitored, wrong: bool) -> None:
    rng = np.random.default_rng(2)
    for day in range(5):
        at = [NOW - timedelta(days=day + 1) + 3 * MINUTE * n for n in range(400)]
        shift = 0.9 if wrong and day == 0 else 0.0
        columns = {
            "tx_count_1h": rng.poisson(2.0, 400).astype(float),
            "amount_sum_1h": rng.lognormal(3 + shift, 1, 400),
        }
        table = {"tenant": ["br"] * 400, "event_ts": pa.array(at, TIMESTAMP), **columns}
        platform.offline.append("features_card_velocity", pa.table(table))


def burn(platform: Monitored, wrong: bool) -> None:
    platform.predictions(NOW - 6 * 60 * MINUTE, 360, 2, declined=0.01)
    rows = platform.offline.read("predictions")
    recent = pa.compute.greater(rows["ts"], pa.scalar(NOW - 60 * MINUTE, TIMESTAMP))
    degraded = pa.compute.if_else(pa.compute.and_(recent, wrong), 1, 0).cast(pa.int64())
    platform.offline._tables["predictions"] = rows.set_column(rows.column_names.index("degraded"), "degraded", degraded)


def promises(platform: Monitored, wrong: bool) -> None:
    rows = 80
    table = {
        "tenant": ["br"] * rows,
        "event_ts": pa.array([NOW - 14 * MINUTE + n * MINUTE / 10 for n in range(rows)], TIMESTAMP),
        "tx_count_1h": [-1.0 if wrong and n % 4 == 0 else 2.0 for n in range(rows)],
        "amount_sum_1h": [None if wrong and n % 2 == 0 else 10.0 for n in range(rows)],
    }
    platform.offline.append("features_card_velocity", pa.table(table))
    others = {"tenant": ["ar"] * rows, "event_ts": table["event_ts"], "tx_count_1h": [-9.0] * rows}
    platform.offline.append("features_card_velocity", pa.table(others))


STORIES: dict[str, Story] = {
    "freshness": Story("freshness-card_velocity-br", VIEW, 600, "freshness", freshness, ("11 min", "SLA 10 min")),
    "volume": Story("volume-payments_br", SOURCE, 0.4, "volume", volume, ("0 rows in 15 min", "usually")),
    "nulls": Story("nulls-payments_br-amount", SOURCE, 0.01, "nulls", nulls, ("rows", "promised at most 1%")),
    "drift": Story("drift-payments_br-amount", SOURCE, 0.25, "drift", drift, ("PSI", "last 90 rows", "usually")),
    "jobs": Story("jobs-card_velocity-br", JOB, 2, "job_failure", jobs, ("2 times in a row", "the disk is full")),
    "score": Story("score-fraud-br", ENDPOINT, 3.0, "score_shift", score, ("of 100 payments in 20 min", "usually 1.")),
    "latency": Story("latency-fraud-br", ENDPOINT, 75.0, "latency", latency, ("p99", "of 60 answers over 75 ms")),
    "cost": Story("cost-fraud-br", ENDPOINT, 300.0, "cost", cost, ("USD 576 a month", "1.0% CPU for 14 days")),
    "lag": Story("lag-payments_br", SOURCE, 120, "freshness", lag, ("400 s", "80 of the last 15 min", "limit 120 s")),
    "range": Story("range-payments_br-amount", SOURCE, 0.01, "quality", ranges, ("16 of 80", "15 min", "0 … 100000")),
    "duplicates": Story("duplicates-payments_br", SOURCE, 0.02, "quality", duplicates, ("40 of 80 rows", "15 min")),
    "cardinality": Story(
        "cardinality-payments_br-device_id", SOURCE, 3.0, "quality", cardinality, ("200 rows", "last hour", "5 days")
    ),
    "schema": Story("schema-payments_br", SOURCE, 0, "quality", schema, ("amount is string, promised", "1 of 11")),
    "clock": Story("clock-payments_br", SOURCE, 5, "quality", clock, ("10 of 80 rows of the last hour", "2026-11-22")),
    "parity": Story(
        "parity-card_velocity-br", VIEW, 0.02, "parity", parity,
        ("40 of 160 values of the 40 rows", "amount_sum_1h of 'c0'", "online 13.0, recomputation 10.0"),
    ),
    "screen": Story(
        "screen-card_velocity-br", VIEW, 0.25, "drift", screened,
        ("last 24 h", "amount_sum_1h", "(400 rows against 1600)"),
    ),
    "burn": Story(
        "burn-fraud-br", ENDPOINT, 0.99, "errors", burn,
        ("too fast in 1 h (0 failed", "of 120 requests", "times in 5 min", "99.000%"),
    ),
    "promise": Story(
        "promise-card_velocity-br", VIEW, 0.01, "quality", promises,
        ("last 15 min", "20 of 80 values are outside 0 … inf", "50% of 80 values are null, promised at most 1%"),
    ),
}  # fmt: skip


@pytest.mark.parametrize("prefix", STORIES)
@pytest.mark.parametrize("wrong", [False, True], ids=["healthy", "planted"])
def test_it_is_silent_on_health_and_says_what_is_wrong(prefix: str, wrong: bool) -> None:
    story = STORIES[prefix]
    (monitor,) = (m for m in monitors() if m.prefix == prefix)
    platform = Monitored()
    platform.watch(story.name, story.subject, story.threshold)
    story.write(platform, wrong)
    found = monitor.check(shared(platform.view))
    assert monitor.blind == {}
    if not wrong:
        assert found == []
        return
    (alert,) = found
    assert (alert.kind, alert.subject, alert.tenant) == (story.kind, story.subject, "br")
    assert (alert.threshold, alert.labels) == (story.threshold, {"monitor": story.name})
    assert alert.value == monitor.readings[story.name] or monitor.prefix in ("screen", "jobs")
    assert re.search(r"\d", alert.summary)
    for said in story.says:
        assert said in alert.summary


@pytest.mark.parametrize("prefix", ["volume", "nulls", "drift", "cardinality", "lag", "range", "clock"])
@pytest.mark.parametrize("wrong", [False, True], ids=["healthy", "planted"])
def test_a_source_s_own_time_column_is_read(prefix: str, wrong: bool) -> None:
    story = STORIES[prefix]
    (monitor,) = (m for m in monitors() if m.prefix == prefix)
    platform = Monitored()
    platform.watch(story.name, story.subject, story.threshold)
    story.write(platform, wrong)
    table = platform.offline.read("payments_br")
    names = {"event_ts": "datetime", "ingested_at": "created"}
    platform.offline = FakeOfflineStore(
        {"payments_br": table.rename_columns([names.get(n, n) for n in table.column_names])}
    )
    view = replace(platform.view, offline=platform.offline, catalog=with_sources(platform.view.catalog, **SAME_TIMES))
    assert [a.kind for a in monitor.check(shared(view))] == ([story.kind] if wrong else [])
    assert monitor.blind == {}


SAME_TIMES = {"event_timestamp": "datetime", "created_timestamp": "created"}


def with_sources(catalog: Catalog, **update: Any) -> Catalog:
    return catalog.model_copy(update={"sources": tuple(s.model_copy(update=update) for s in catalog.sources)})


def test_parity_reads_a_filter_over_columns_named_as_its_own() -> None:
    """A source may call its columns `key`, `at`, or put a quotation mark into a name."""
    platform = Monitored()
    parity(platform, wrong=False)
    catalog = platform.view.catalog
    names = ("key", "at", "place", "written", 'odd"name')
    more = tuple(Column(name=name, dtype="string", description="of a filter") for name in names)
    view = catalog.feature_view("card_velocity")
    where = " AND ".join(f"{DUCKDB.quote(name)} IS NULL" for name in names)
    filtered = view.model_copy(
        update={"aggregations": tuple(a.model_copy(update={"filter": where}) for a in view.aggregations)}
    )
    source = catalog.source("payments_br")
    source = source.model_copy(update={"columns": (*source.columns, *more)})
    sample = platform.online.sample("br", "card_velocity", 100)
    found = compare(platform.view, filtered, source, sample)
    assert (found.sampled, found.mismatches) == (40, 0)


def test_every_kind_has_a_story() -> None:
    assert [m.prefix for m in monitors()] == list(STORIES)


def test_what_the_catalog_asks_for_is_watched() -> None:
    catalog = Monitored().view.catalog
    source = catalog.sources[0]
    asked = source.monitors.model_copy(
        update={
            "out_of_range": 0.01, "duplicates": 0.02, "cardinality_factor": 3.0, "pipeline_lag": 2 * MINUTE,
            "wrong_clocks": 5, "schema_changes": True,
        }
    )  # fmt: skip
    view = catalog.feature_views[0]
    more = view.monitors.model_copy(update={"screen": True, "parity": 0.02})
    wanted = Catalog(
        entities=catalog.entities,
        sources=(source.model_copy(update={"monitors": asked}), *catalog.sources[1:]),
        feature_views=(view.model_copy(update={"monitors": more}), *catalog.feature_views[1:]),
        feature_services=catalog.feature_services,
    )
    new = {d.name: d.spec.threshold for d in definitions(wanted, [])}
    for usual in definitions(catalog, []):
        assert new.pop(usual.name) == usual.spec.threshold
    name = source.name
    assert {n: t for n, t in new.items() if not n.startswith("cardinality")} == {
        f"duplicates-{name}": 0.02, f"lag-{name}": 120.0, f"clock-{name}": 5, f"schema-{name}": 0,
        f"range-{name}-amount": 0.01,
        **{f"{kind}-{view.name}-{tenant}": limit for tenant in catalog.tenants(view.name)
           for kind, limit in (("screen", 0.25), ("parity", 0.02))},
    }  # fmt: skip
    assert f"cardinality-{name}-device_id" in new
    assert new.keys().isdisjoint({f"nulls-{name}-currency"}), "nobody said whether it may be missing"


def test_promises_and_budgets_are_watched_as_the_catalog_says() -> None:
    catalog = Monitored().view.catalog
    view, service = catalog.feature_views[0], catalog.feature_services[0]
    held = view.model_copy(update={"monitors": view.monitors.model_copy(update={"promises": 0.02})})
    unheld = [
        v.model_copy(update={"monitors": v.monitors.model_copy(update={"promises": None})})
        for v in catalog.feature_views
    ]
    paged = service.model_copy(update={"monitors": service.monitors.model_copy(update={"availability": 0.999})})

    def names(*views: FeatureView, service: FeatureService = service, of: str = "") -> dict[str, float]:
        wanted = catalog.model_copy(update={"feature_views": views, "feature_services": (service,)})
        found = definitions(wanted, [("fraud-br", "br")], services={"fraud-br": of})
        return {d.name: d.spec.threshold for d in found if d.name.startswith(("promise", "burn"))}

    assert names(held) == {f"promise-{view.name}-{t}": 0.02 for t in catalog.tenants(view.name)}
    assert names(*unheld) == {}
    bare = held.model_copy(update={"features": ()})  # an owner who promised nothing
    assert names(bare) == {}
    assert names(*unheld, service=paged, of=service.name) == {"burn-fraud-br": 0.999}
    assert names(*unheld, service=paged, of="another") == {}


def test_the_kinds_that_are_asked_for_exist() -> None:
    wanted = Monitored().view.catalog
    prefixes = {m.prefix for m in monitors()}
    assert {d.name.partition("-")[0] for d in definitions(wanted, [("fraud-br", "br")])} <= prefixes
