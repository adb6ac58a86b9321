"""Usage by the hour from counters, and what it costs, under FOCUS' names."""

from __future__ import annotations

import csv
import io
from datetime import UTC, date, datetime, timedelta

import pytest
from prometheus_client import CollectorRegistry, Counter, Histogram
from sqlalchemy.engine import Engine

from foundation.clock import FixedClock
from foundation.errors import Unavailable
from platform_core.operations.costing import FOCUS_COLUMNS, charges, totals, write_focus
from platform_core.operations.sql_usage import SqlUsage
from platform_core.operations.timeline import UsageRecord
from platform_core.operations.usage import UsageHour, UsageRecorder
from platform_core.operations.usage_collecting import UsageCollector, serving_usage

HOUR = datetime(2026, 11, 22, 10, tzinfo=UTC)


class Flaky(UsageRecorder):
    def __init__(self, inner: UsageRecorder) -> None:
        self.inner, self.down = inner, False

    def add_usage(self, records: list[UsageHour]) -> None:
        if self.down:
            raise Unavailable("the database is away")
        self.inner.add_usage(records)


@pytest.fixture
def usage(engine: Engine) -> SqlUsage:
    return SqlUsage(engine)


def test_what_counters_grew_by_is_stored_once(usage: SqlUsage) -> None:
    registry = CollectorRegistry()
    scores = Counter("vigia_predictions", "n", ["endpoint", "version", "decision"], registry=registry)
    reads = Histogram("vigia_online_features_seconds", "n", ["view", "service"], registry=registry)
    clock, flaky = FixedClock(HOUR + timedelta(minutes=20)), Flaky(usage)
    counted = serving_usage({"fraud-br": "br"}.get, {"fraud-br": "fraud"}.get)
    first = UsageCollector(lambda: [registry], counted, flaky, clock)
    scores.labels("fraud-br", "1", "approve").inc(5)
    scores.labels("fraud-br", "2", "decline").inc(2)
    scores.labels("gone", "1", "approve").inc(1)
    reads.labels("card_velocity", "fraud").observe(0.1)
    first.collect()
    first.collect()
    scores.labels("fraud-br", "1", "approve").inc(3)
    flaky.down = True
    with pytest.raises(Unavailable):
        first.collect()
    flaky.down = False
    scores.labels("fraud-br", "1", "approve").inc(1)
    first.collect()
    # Another worker of the same server adds to the same hour.
    UsageCollector(lambda: [registry], counted, flaky, clock).collect()
    found = {(h.subject, h.tenant, h.unit): h.quantity for h in usage.usage_hours(HOUR, HOUR + timedelta(hours=1))}
    assert found == {
        ("urn:vigia:endpoint:fraud-br", "br", "predictions"): 22.0,
        ("urn:vigia:model:fraud", "br", "predictions"): 22.0,
        ("urn:vigia:endpoint:gone", None, "predictions"): 2.0,
        ("urn:vigia:feature_view:card_velocity", None, "feature_reads"): 2.0,
    }
    assert usage.usage_hours(HOUR + timedelta(hours=1), HOUR + timedelta(hours=2)) == []


def test_a_thread_collects_and_once_more_at_its_end(usage: SqlUsage) -> None:
    registry = CollectorRegistry()
    reads = Counter("vigia_predictions", "n", ["endpoint"], registry=registry)
    collector = UsageCollector(
        lambda: [registry], serving_usage(lambda _: "br", lambda _: None), usage, FixedClock(HOUR)
    )
    collector.start(3600)
    reads.labels("e").inc(4)
    collector.stop()
    assert [h.quantity for h in usage.usage_hours(HOUR, HOUR + timedelta(hours=1))] == [4.0]


def used(subject: str, tenant: str | None, quantity: float, unit: str = "predictions") -> UsageHour:
    return UsageHour.model_validate(
        {"hour": HOUR, "subject": f"urn:vigia:{subject}", "tenant": tenant, "unit": unit, "quantity": quantity}
    )


HOURS = [
    used("endpoint:fraud-br", "br", 2_000_000),
    used("model:fraud", "br", 2_000_000),
    used("model:fraud", "mx", 1_000_000),
    used("endpoint:fraud-mx", "mx", 1_000_000),
    used("feature_view:cards", None, 500_000, "feature_reads"),
    used("feature_view:cards", "br", 10_000, "materialized_rows"),
]
DAYS = [
    UsageRecord(
        day=date(2026, 11, 21), resource_id="urn:vigia:endpoint:fraud-br", tenant="br", requests=9, replicas=2,
        cpu_utilization=0.4, p99_latency_ms=9, billed_cost=9.6,
    )
]  # fmt: skip
PRICES = {"predictions": 3e-6, "feature_reads": 1e-6}


def test_totals_by_tenant_count_everything_once() -> None:
    rows = list(charges(HOURS, DAYS, PRICES))  # pyright: ignore[reportArgumentType]
    by_tenant = totals(rows, "tenant")
    assert [(t.name, t.tenant, t.cost) for t in by_tenant] == [
        ("br", "br", 15.6),
        ("mx", "mx", 3.0),
        ("(shared)", None, 0.5),
    ]
    assert by_tenant[0].quantities == {"predictions": 2e6, "materialized_rows": 1e4, "replica_hours": 48.0}
    assert [(t.name, t.tenant, t.cost) for t in totals(rows, "model")] == [("fraud", "br", 6.0), ("fraud", "mx", 3.0)]
    assert [(t.name, t.cost) for t in totals(rows, "endpoint")] == [("fraud-br", 15.6), ("fraud-mx", 3.0)]
    assert [t.quantities for t in totals(rows, "view")] == [{"feature_reads": 5e5}, {"materialized_rows": 1e4}]


def test_charges_as_focus_has_them() -> None:
    file = io.StringIO()
    rows = list(charges(HOURS[:1], DAYS, PRICES))  # pyright: ignore[reportArgumentType]
    assert write_focus(file, rows, currency="BRL", account="acme", environment="staging") == 2
    measured, billed = csv.DictReader(io.StringIO(file.getvalue()))
    assert tuple(measured) == FOCUS_COLUMNS
    assert float(measured["BilledCost"]) == 0
    assert float(measured["EffectiveCost"]) == pytest.approx(6)
    assert float(billed["BilledCost"]) == float(billed["EffectiveCost"]) == 9.6
    assert (billed["ConsumedUnit"], float(billed["ConsumedQuantity"])) == ("replica_hours", 48)
    assert (measured["ChargePeriodStart"], measured["ChargePeriodEnd"]) == (
        "2026-11-22T10:00:00Z",
        "2026-11-22T11:00:00Z",
    )
    assert (measured["BillingPeriodStart"], measured["BillingPeriodEnd"]) == (
        "2026-11-01T00:00:00Z",
        "2026-12-01T00:00:00Z",
    )
    assert (measured["ResourceId"], measured["SubAccountId"]) == ("urn:vigia:endpoint:fraud-br", "br")
    assert (measured["BillingCurrency"], measured["BillingAccountId"]) == ("BRL", "acme")
    # What FOCUS requires of every dataset: https://focus.finops.org/focus-specification/v1-1/
    for column in ("ChargeCategory", "ServiceCategory", "ServiceName", "ProviderName", "PricingUnit"):
        assert measured[column]
