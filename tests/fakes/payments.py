"""A small payments company: a catalog, labelled payments in which fraud shows, and the features of each payment."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa

from platform_core.catalog.specs import (
    Aggregation,
    Catalog,
    Column,
    DataSource,
    Entity,
    FeatureService,
    FeatureView,
    RequestField,
)
from platform_core.features.offline.port import OfflineStore
from tests.fakes.offline_store import FakeOfflineStore

END = datetime(2026, 11, 19, tzinfo=UTC)
START = END - timedelta(days=7)
SERVICE = "fraud_v1"


def small_catalog(tenants: tuple[str, ...] = ("br", "ar")) -> Catalog:
    columns = (Column(name="amount", dtype="float64", description="Amount in major units"),)
    return Catalog(
        entities=(
            Entity(name="card", join_key="card_id", description="A card"),
            Entity(name="device", join_key="device_id", description="A device"),
        ),
        sources=tuple(
            DataSource(
                name=f"payments_{tenant}",
                tenant=tenant,
                table=f"payments_{tenant}",
                deployment=f"urn:vigia:deployment:ingest-{tenant}",
                columns=columns,
                owner="payments",
            )
            for tenant in tenants
        ),
        feature_views=(_view("card_velocity", "card", tenants), _view("device_risk", "device", tenants)),
        feature_services=(
            FeatureService(
                name=SERVICE,
                features=("card_velocity:tx_count_1h", "device_risk:tx_count_1h"),
                request_fields=tuple(
                    RequestField(name=name, dtype="float64", description=name)
                    for name in ("amount", "hour", "is_online")
                ),
                owner="risk",
                description="Inputs of fraud_score",
            ),
        ),
    )


def _view(name: str, entity: str, tenants: tuple[str, ...]) -> FeatureView:
    count = Aggregation(name="tx_count_1h", function="count", column="event_id", window=timedelta(hours=1))
    return FeatureView(
        name=name,
        entity=entity,
        sources=tuple(f"payments_{tenant}" for tenant in tenants),
        aggregations=(count,),
        ttl=timedelta(hours=24),
        freshness_sla=timedelta(minutes=10),
        owner="risk",
        channel="#risk",
        description=name,
    )


def small_history(rows: int = 3000, tenants: tuple[str, ...] = ("br", "ar"), seed: int = 7) -> FakeOfflineStore:
    """`rows` payments per tenant over seven days, 4 % of them fraud: large, online and from busy devices."""
    rng = np.random.default_rng(seed)
    tables: dict[str, pa.Table] = {}
    for tenant in tenants:
        fraud = rng.random(rows) < 0.04
        event_ts = pa.array(np.sort(rng.integers(int(START.timestamp() * 1e6), int(END.timestamp() * 1e6), rows))).cast(
            pa.timestamp("us", tz="UTC")
        )
        ids = [f"{tenant}-{i}" for i in range(rows)]
        tables[f"payments_{tenant}"] = pa.table(
            {
                "event_id": ids,
                "event_ts": event_ts,
                "card_id": [f"card-{i}" for i in rng.integers(0, 200, rows)],
                "device_id": [f"device-{i}" for i in np.where(fraud, 1, rng.integers(2, 150, rows))],
                "amount": np.exp(rng.normal(np.where(fraud, 5.0, 3.0), 0.8)),
                "channel": np.where(fraud | (rng.random(rows) < 0.4), "online", "pos"),
            }
        )
        tables[f"chargebacks_{tenant}"] = pa.table(
            {"event_id": ids, "event_ts": event_ts, "is_fraud": fraud.astype(np.int64)}
        )
    return FakeOfflineStore(tables)


def features_of_the_row(_offline: OfflineStore, _catalog: Catalog, _service: str, rows: pa.Table) -> pa.Table:
    """Stands for the point-in-time join: how often a device is seen stands for its risk; cards are seen once."""
    devices = np.array(rows["device_id"].to_pylist())
    names, index, counts = np.unique(devices, return_inverse=True, return_counts=True)
    assert len(names) > 0
    return rows.append_column("card_velocity__tx_count_1h", pa.array(np.ones(len(rows)))).append_column(
        "device_risk__tx_count_1h", pa.array(counts[index].astype(np.float64))
    )
