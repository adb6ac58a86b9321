"""Feature rows on their way from a computation to the offline table `features_<view>`."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pyarrow as pa
import pyarrow.compute

_compute: Any = pyarrow.compute  # its kernels are made at import time: no type checker sees them

TIMESTAMP = pa.timestamp("us", "UTC")


def offline_table(view: str) -> str:
    """Columns: tenant, key (string), event_ts, created_ts (timestamp us UTC), then each feature as its dtype."""
    return f"features_{view}"


def with_tenant(rows: pa.Table, tenant: str, created_ts: datetime | None = None) -> pa.Table:
    """Rows (key, event_ts, [created_ts,] features) as the offline table holds them."""
    created = rows["created_ts"] if created_ts is None else pa.repeat(pa.scalar(created_ts, TIMESTAMP), len(rows))
    features = [name for name in rows.column_names if name not in {"key", "event_ts", "created_ts"}]
    return pa.table(
        {
            "tenant": pa.repeat(pa.scalar(tenant), len(rows)),
            "key": rows["key"].cast(pa.string()),
            "event_ts": rows["event_ts"].cast(TIMESTAMP),
            # A row without it counts as created at its event time.
            "created_ts": _compute.coalesce(created.cast(TIMESTAMP), rows["event_ts"].cast(TIMESTAMP)),
            **{name: rows[name] for name in features},
        }
    )
