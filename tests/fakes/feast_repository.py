"""A real Feast repository, applied and materialized by Feast itself. Feast takes seconds to import: once a session."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from platform_core.attached.feast.importing import feast_imports

NOW = datetime(2026, 11, 19, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
CONFIG = """\
project: shop
provider: local
registry: data/registry.db
online_store: {type: sqlite, path: data/online.db}
offline_store: {type: file}
entity_key_serialization_version: 3
"""
US = pa.timestamp("us", "UTC")


@dataclass
class FeastRepository:
    path: Path
    store: Any

    def online(self, features: list[str], rows: list[dict[str, Any]]) -> dict[str, list[Any]]:
        with quiet():
            return self.store.get_online_features(features=features, entity_rows=rows).to_dict()

    def historical(self, features: list[str], rows: Any) -> Any:
        with quiet():
            return self.store.get_historical_features(entity_df=rows, features=features).to_df()


def quiet() -> Any:
    """Feast deprecates much of what it calls itself."""
    return warnings.catch_warnings(action="ignore")


def drivers() -> pa.Table:
    """Three drivers; 1003 has only values that are older than the ttl of a day."""
    hours, ids = [30, 5, 3, 1, 29], [1001, 1001, 1002, 1001, 1003]
    return pa.table(
        {
            "driver_id": pa.array(ids, pa.int64()),
            "event_timestamp": pa.array([NOW - h * HOUR for h in hours], US),
            "created": pa.array([NOW - h * HOUR + timedelta(minutes=1) for h in hours], US),
            "conv_rate": pa.array([0.5, 0.25, None, 0.75, 0.125], pa.float64()),
            "trips": pa.array([10, 11, 20, 12, 30], pa.int64()),
            "city": pa.array(["lima", "lima", "cusco", "quito", "lima"], pa.string()),
            "ok": pa.array([True, True, False, None, True], pa.bool_()),
            "last_trip": pa.array([NOW - (h + 1) * HOUR for h in hours], US),
            "routes": pa.array([["a"]] * 5, pa.list_(pa.string())),
        }
    )


def orders() -> pa.Table:
    """Of a customer at a shop: a composite key, whose parts hold what separates them."""
    customers, shops = ["c|1", "c", "c2"], ["s", "1|s", "s"]
    return pa.table(
        {
            "shop_id": pa.array(shops, pa.string()),
            "customer_id": pa.array(customers, pa.string()),
            "event_timestamp": pa.array([NOW - n * HOUR for n in (1, 2, 3)], US),
            "spent": pa.array([1.0, 2.0, 3.0], pa.float64()),
        }
    )


def make_repository(path: Path) -> FeastRepository:
    with quiet(), feast_imports():
        from feast import Entity, FeatureService, FeatureStore, FeatureView, Field, FileSource, PushSource, ValueType
        from feast.types import Array, Bool, Float64, Int64, String, UnixTimestamp

        (path / "data").mkdir(parents=True)
        (path / "feature_store.yaml").write_text(CONFIG)
        pq.write_table(drivers(), path / "data" / "drivers.parquet")
        pq.write_table(orders(), path / "data" / "orders.parquet")
        driver = Entity(name="driver", join_keys=["driver_id"], value_type=ValueType.INT64, description="who drives")
        shop = Entity(name="shop", join_keys=["shop_id"], value_type=ValueType.STRING)
        customer = Entity(name="Customer", join_keys=["customer_id"], value_type=ValueType.STRING)
        trips = FileSource(
            name="drivers", path="data/drivers.parquet", timestamp_field="event_timestamp",
            created_timestamp_column="created", owner="ops@example.com", description="trips of drivers",
        )  # fmt: skip
        bought = FileSource(name="orders", path="data/orders.parquet", timestamp_field="event_timestamp")
        schema = [
            Field(name="conv_rate", dtype=Float64),
            Field(name="trips", dtype=Int64, description="how many"),
            Field(name="city", dtype=String),
            Field(name="ok", dtype=Bool),
            Field(name="last_trip", dtype=UnixTimestamp),
            Field(name="routes", dtype=Array(String)),
        ]
        stats = FeatureView(
            name="driver_stats", entities=[driver], ttl=timedelta(days=1), schema=schema, source=trips, owner="ops",
            description="what drivers did",
        )  # fmt: skip
        loyalty = FeatureView(
            name="Loyalty", entities=[shop, customer], schema=[Field(name="spent", dtype=Float64)],
            source=PushSource(name="orders_pushed", batch_source=bought),
        )  # fmt: skip
        service = FeatureService(name="dispatch_v1", features=[stats[["conv_rate", "trips", "routes"]], loyalty])
        store = FeatureStore(repo_path=str(path))
        store.apply([driver, shop, customer, trips, bought, stats, loyalty, service])
        store.materialize(NOW - timedelta(days=3), NOW)
    return FeastRepository(path, store)
