"""The catalog of the observed platform, and its two moments: now, and when the trouble began."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pyarrow as pa

from platform_core.catalog.specs import Aggregation, Catalog, Column, DataSource, Entity, FeatureService, FeatureView

NOW = datetime(2026, 11, 19, 5, 51, tzinfo=UTC)
ONSET = NOW - timedelta(minutes=15)
TENANTS = ("br", "ar")
PER_MINUTE = 4
TIME = pa.timestamp("us", tz="UTC")
COLUMNS = (
    Column(name="event_id", dtype="string", description="Payment id"),
    Column(name="card_id", dtype="string", description="Card token"),
    Column(name="device_id", dtype="string", description="Device"),
    Column(name="amount", dtype="float64", description="Major units", minimum=0, maximum=1e6, max_null_rate=0.01),
)

CATALOG = Catalog(
    entities=(
        Entity(name="card", join_key="card_id", description="A card"),
        Entity(name="device", join_key="device_id", description="A device"),
    ),
    sources=tuple(
        DataSource(
            name=f"payments_{t}",
            tenant=t,
            table=f"payments_{t}",
            deployment=f"ingest-{t}",
            columns=COLUMNS,
            owner="payments",
        )
        for t in TENANTS
    ),
    feature_views=tuple(
        FeatureView(
            name=name,
            entity=entity,
            sources=tuple(f"payments_{t}" for t in TENANTS),
            aggregations=(
                Aggregation(name="tx_count_1h", function="count", column="event_id", window=timedelta(hours=1)),
                Aggregation(name="amount_sum_1h", function="sum", column="amount", window=timedelta(hours=1)),
            ),
            ttl=timedelta(hours=24),
            freshness_sla=timedelta(minutes=10),
            owner="risk",
            channel="#risk",
            description=name,
        )
        for name, entity in (("card_velocity", "card"), ("device_risk", "device"))
    ),
    feature_services=(
        FeatureService(
            name="fraud_v1",
            features=("card_velocity:tx_count_1h", "device_risk:tx_count_1h"),
            request_fields=(),
            owner="risk",
            description="Inputs of fraud_score",
        ),
    ),
)
