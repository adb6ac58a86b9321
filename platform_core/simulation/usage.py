"""Thirty days of use and cost per endpoint, as the billing export has them."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np

from platform_core.operations.timeline import UsageRecord
from platform_core.simulation.countries import COUNTRIES
from platform_core.simulation.seasonality import PAYMENTS_PER_SECOND
from platform_core.urn import urn

USAGE_DAYS = 30
REPLICA_HOURLY_USD = 0.20
REQUESTS_PER_REPLICA_DAY = 26_000
"""What keeps one replica at about 40 % of its CPU."""

LEGACY_ENDPOINT = urn("endpoint", "fraud-legacy")
LEGACY_REPLICAS = 12
LEGACY_REPLICAS_BEFORE = 3
LEGACY_SCALED_DAYS_AGO = 20
TRAFFIC_MOVED_DAYS_AGO = 14
_FULL_UTILISATION = 0.40


def live_usage(today: date, seed: int) -> list[UsageRecord]:
    """The endpoints of the four countries: two replicas each, used well."""
    rng = np.random.default_rng([seed, 5])
    records: list[UsageRecord] = []
    for country in COUNTRIES:
        for age in range(USAGE_DAYS, 0, -1):
            requests = int(PAYMENTS_PER_SECOND * 86_400 * country.share * rng.uniform(0.9, 1.1))
            records.append(
                _record(
                    urn("endpoint", f"fraud-{country.tenant}"),
                    country.tenant,
                    today - timedelta(days=age),
                    requests,
                    2,
                    utilisation=0.15 + 0.5 * requests / (2 * REQUESTS_PER_REPLICA_DAY),
                    p99=float(rng.uniform(9, 14)),
                )
            )
    return records


def legacy_usage(today: date, *, abandoned: bool) -> list[UsageRecord]:
    """fraud-legacy: scaled up for a peak twenty days ago; busy still, or `abandoned` for a fortnight."""
    rng = np.random.default_rng([17, int(abandoned)])
    records: list[UsageRecord] = []
    for age in range(USAGE_DAYS, 0, -1):
        replicas = LEGACY_REPLICAS if age <= LEGACY_SCALED_DAYS_AGO else LEGACY_REPLICAS_BEFORE
        moved = abandoned and age <= TRAFFIC_MOVED_DAYS_AGO
        requests = (
            int(rng.integers(20, 60)) if moved else int(replicas * REQUESTS_PER_REPLICA_DAY * rng.uniform(0.8, 1))
        )
        utilisation = float(rng.uniform(0.004, 0.008)) if moved else float(_FULL_UTILISATION * rng.uniform(0.8, 1.0))
        day = today - timedelta(days=age)
        p99 = float(rng.uniform(9, 14))
        records.append(_record(LEGACY_ENDPOINT, "br", day, requests, replicas, utilisation=utilisation, p99=p99))
    return records


def _record(
    resource: str, tenant: str, day: date, requests: int, replicas: int, *, utilisation: float, p99: float
) -> UsageRecord:
    return UsageRecord(
        day=day,
        resource_id=resource,
        tenant=tenant,
        requests=requests,
        replicas=float(replicas),
        cpu_utilization=round(utilisation, 4),
        p99_latency_ms=round(p99, 2),
        billed_cost=round(replicas * 24 * REPLICA_HOURLY_USD, 2),
    )
