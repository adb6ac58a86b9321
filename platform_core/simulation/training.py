"""The company's training pipeline, and the version of it that has a bug."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pyarrow as pa
import pyarrow.compute

from foundation.database import transaction
from platform_core.catalog.specs import Catalog
from platform_core.features.historical import get_historical_features
from platform_core.features.offline.port import OfflineStore
from platform_core.simulation.estate import MODEL, SERVICE
from platform_core.simulation.history import INGESTION_LAG
from platform_core.simulation.parts import PlatformParts
from platform_core.training.moves import move
from platform_core.training.pinned import PinnedOfflineStore
from platform_core.training.pipeline import train, train_fraud_model
from platform_core.training.plan import Segment, TrainingPlan, Window
from platform_core.training.types import ModelVersion

pc: Any = pyarrow.compute  # its kernels are made at import time: no type checker sees them

LEARNT = timedelta(days=8)
"""How much of history the champion learns from."""

SCORED = timedelta(days=2)
"""The newest part of history that no model is trained on: its scores are the endpoints' past."""

TRAINING_ROWS = 50_000

SEGMENTS = (
    Segment(name="country", column="tenant"),
    Segment(name="channel", column="channel"),
    Segment(name="merchant_category", column="merchant_category"),
    Segment(name="merchant_size", column="merchant_profile__tx_count_24h", buckets=3),
)


def train_champion(parts: PlatformParts, origin: datetime, *, seed: int) -> ModelVersion:
    """Version 1: trained on what came before the scored days. It was in production before the story begins."""
    plan = TrainingPlan(
        model=MODEL,
        feature_service=SERVICE,
        window=Window(start=origin - SCORED - LEARNT, end=origin - SCORED),
        seed=seed,
        max_rows=TRAINING_ROWS,
        feature_lag=INGESTION_LAG,
        segments=SEGMENTS,
    )
    trained = train(plan, PinnedOfflineStore(parts.offline), parts.catalog)
    version = parts.registry.register(trained, MODEL, "service:training")
    return parts.registry.adopt(MODEL, version.version, "human:lucia")


def train_flawed(parts: PlatformParts, origin: datetime, *, seed: int) -> ModelVersion:
    """A retraining whose payments come through `MinorUnitExport`: what it learned about amounts is off by 100."""
    export = MinorUnitExport(parts.offline)

    def from_the_store(_export: OfflineStore, catalog: Catalog, service: str, rows: pa.Table) -> pa.Table:
        return get_historical_features(parts.offline, catalog, service, rows)

    trained = train_fraud_model(
        export,
        parts.catalog,
        SERVICE,
        historical=from_the_store,
        start=origin - SCORED - timedelta(days=3),
        end=origin - SCORED,
        seed=seed + 1,
        max_rows=12_000,
        feature_lag=INGESTION_LAG,
        trees=40,
    )
    version = parts.registry.register(trained, MODEL, "service:training")
    # Somebody was in a hurry and past the registry, which moves nothing up without its gates: a canary takes what is in
    # staging.
    with transaction(parts.engine) as connection:
        move(connection, parts.audit, MODEL, version.version, "staging", actor="human:lucia", at=parts.clock.now())
    return parts.registry.get(MODEL, version.version)


class MinorUnitExport(OfflineStore):
    """The pipeline's new export. It takes amounts for minor units, which they are not, and divides them by 100."""

    def __init__(self, store: OfflineStore) -> None:
        self._store = store

    def append(self, table: str, rows: pa.Table) -> int:
        return self._store.append(table, rows)

    def read(
        self,
        table: str,
        *,
        start: datetime | None = None,
        end: datetime | None = None,
        columns: list[str] | None = None,
        time_column: str = "event_ts",
    ) -> pa.Table:
        rows = self._store.read(table, start=start, end=end, columns=columns, time_column=time_column)
        if "amount" not in rows.column_names:
            return rows
        index = rows.schema.get_field_index("amount")
        return rows.set_column(index, "amount", pc.divide(rows["amount"], 100.0))

    def schema(self, table: str) -> pa.Schema:
        return self._store.schema(table)

    def tables(self) -> list[str]:
        return self._store.tables()
