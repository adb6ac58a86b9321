"""What the endpoints answered before the story began: the scored days of history, by the model that serves."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute

from platform_core.features.historical import get_historical_features
from platform_core.simulation.countries import TENANTS
from platform_core.simulation.estate import MODEL, SERVICE
from platform_core.simulation.history import INGESTION_LAG
from platform_core.simulation.parts import PlatformParts
from platform_core.simulation.training import SCORED
from platform_core.training.request_inputs import request_columns
from platform_core.training.types import ModelVersion

pc: Any = pyarrow.compute  # its kernels are made at import time: no type checker sees them

TARGET_DECLINE_RATE = 0.014
ROWS_PER_TENANT = 12_000


def score_past(parts: PlatformParts, version: ModelVersion, origin: datetime, *, seed: int) -> float:
    """Write the prediction log of the scored days and return the threshold that was used.

    The threshold is set on the same days as the company's risk officers set theirs: so that 1.4 % are declined.
    """
    rng = np.random.default_rng([seed, 4])
    tables = [_scored(parts, tenant, version, origin) for tenant in TENANTS]
    scores = np.concatenate([table["score"].to_numpy() for table in tables])
    threshold = round(float(np.quantile(scores, 1 - TARGET_DECLINE_RATE)), 4)
    for table in tables:
        parts.offline.append("predictions", _logged(table, threshold, version.version, rng))
    return threshold


def _scored(parts: PlatformParts, tenant: str, version: ModelVersion, origin: datetime) -> pa.Table:
    keys = [entity.join_key for entity in parts.catalog.entities]
    columns = ["event_id", "event_ts", *keys, "amount", "channel"]
    payments = parts.offline.read(f"payments_{tenant}", start=origin - SCORED, end=origin, columns=columns)
    payments = payments.sort_by("event_ts")  # a table's files come in no order: the newest rows are wanted
    if payments.num_rows > ROWS_PER_TENANT:
        payments = payments.slice(payments.num_rows - ROWS_PER_TENANT)
    payments = payments.append_column("tenant", pa.repeat(tenant, payments.num_rows))
    asked = payments.append_column("event_timestamp", pc.subtract(payments["event_ts"], pa.scalar(INGESTION_LAG)))
    features = get_historical_features(parts.offline, parts.catalog, SERVICE, asked)
    known = {**{name: features[name] for name in features.column_names}, **request_columns(payments)}
    model = parts.registry.load(MODEL, version.version)
    matrix = np.column_stack(
        [known[feature.name].to_numpy().astype(np.float64) for feature in version.signature.features]
    )
    return payments.append_column("score", pa.array(model.score(matrix)))


def _logged(rows: pa.Table, threshold: float, version: str, rng: np.random.Generator) -> pa.Table:
    count = rows.num_rows
    store_ms, model_ms = rng.lognormal(0.6, 0.35, count), rng.lognormal(-0.6, 0.3, count)
    tenant = rows["tenant"][0].as_py()
    return pa.table(
        {
            "ts": rows["event_ts"],
            "endpoint": pa.repeat(f"fraud-{tenant}", count),
            "tenant": rows["tenant"],
            "model_version": pa.repeat(version, count),
            "variant": pa.repeat("champion", count),
            "score": rows["score"],
            "declined": pa.array(rows["score"].to_numpy() >= threshold),
            "amount": rows["amount"],
            "latency_ms": store_ms + model_ms + rng.lognormal(0.0, 0.3, count),
            "store_ms": store_ms,
            "model_ms": model_ms,
            "degraded": np.zeros(count, dtype=np.int64),
            "request_id": rows["event_id"],
        }
    )
