"""Fourteen days of the company's past, written to the offline store as the connectors would have written them."""

from __future__ import annotations

from datetime import datetime, timedelta

import numpy as np
import pyarrow as pa

from platform_core.features.offline.port import OfflineStore
from platform_core.simulation.company import TIMESTAMP, Company, PaymentBatch

HISTORY = timedelta(days=14)
INGESTION_SECONDS = (60.0, 120.0)
"""How long after its event a row arrives: published after authorisation, drained once a minute."""

INGESTION_LAG = timedelta(seconds=90)
"""How old, on the whole, the newest events are that an online value knows of when a payment is scored."""


def write_history(company: Company, offline: OfflineStore, origin: datetime, seed: int) -> int:
    """Payments and chargebacks of [origin - 14 days, origin); returns the number of payments."""
    rng = np.random.default_rng([seed, 3])
    total = 0
    for tenant, batch in company.emit(origin - HISTORY, origin).items():
        offline.append(f"payments_{tenant}", _ingested(batch, rng))
        columns = batch.table.select(["event_id", "event_ts"])
        offline.append(f"chargebacks_{tenant}", columns.append_column("is_fraud", pa.array(batch.is_fraud)))
        total += len(batch)
    return total


def _ingested(batch: PaymentBatch, rng: np.random.Generator) -> pa.Table:
    delay = (rng.uniform(*INGESTION_SECONDS, len(batch)) * 1e6).astype(np.int64)
    event_us = batch.table["event_ts"].cast(pa.int64()).to_numpy()
    return batch.table.append_column("ingested_at", pa.array(event_us + delay, pa.int64()).cast(TIMESTAMP))
