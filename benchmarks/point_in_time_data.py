"""What the point-in-time benchmark reads: entity rows, and three views of five floats, as Delta for us and as one
Parquet file each for Feast. All rows have different times within their keys, so that no peer has to break ties."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from platform_core.catalog.specs import Catalog, Entity, Feature, FeatureView
from platform_core.features.feature_rows import offline_table
from platform_core.features.offline.delta import DeltaOfflineStore

START = datetime(2026, 11, 1, tzinfo=UTC)
SPAN = timedelta(days=14)
VIEWS = {"card_velocity": "card", "device_risk": "device", "merchant_profile": "merchant"}
FEATURES = ("f0", "f1", "f2", "f3", "f4")
TENANT = "br"
_MICROSECOND = timedelta(microseconds=1)
_BEGIN = int(START.timestamp() * 1e6)


@dataclass(frozen=True)
class Size:
    entities: int
    rows: int
    """Of each view."""

    keys: int

    def __str__(self) -> str:
        history = f"{len(VIEWS)} views x {self.rows:,} rows x {len(FEATURES)} floats"
        return f"{self.entities:,} entity rows x {history}, {self.keys:,} keys"


def catalog(ttl: timedelta) -> Catalog:
    views = tuple(
        FeatureView(
            name=name,
            entity=entity,
            sources=(),
            schema=tuple(Feature(name=f) for f in FEATURES),  # pyright: ignore[reportCallIssue]
            ttl=ttl,
            freshness_sla=timedelta(hours=1),
            owner="benchmark",
            channel="",
            description="",
        )
        for name, entity in VIEWS.items()
    )
    entities = tuple(Entity(name=e, join_keys=(f"{e}_id",), description="") for e in VIEWS.values())
    return Catalog(entities=entities, sources=(), feature_views=views, feature_services=())


def references() -> list[str]:
    return [f"{view}:{feature}" for view in VIEWS for feature in FEATURES]


def write(directory: Path, size: Size, seed: int = 20261119) -> None:
    """`delta/` (ours), `<view>.parquet` (Feast's) and `entities.parquet` below `directory`."""
    rng = np.random.default_rng(seed)
    store = DeltaOfflineStore(directory / "delta")
    for view, entity in VIEWS.items():
        keys = _keys(entity, size.keys).take(pa.array(rng.integers(0, size.keys, size.rows)))
        event = _BEGIN + rng.permutation(size.rows) * ((SPAN // _MICROSECOND) // size.rows)
        late = rng.exponential(120e6, size.rows).astype(np.int64)  # two minutes on average
        values = {feature: pa.array(rng.random(size.rows)) for feature in FEATURES}
        rows = pa.table({"key": keys, "event_ts": _times(event), "created_ts": _times(event + late), **values})
        renamed = rows.rename_columns([f"{entity}_id", "event_ts", "created_ts", *FEATURES])
        pq.write_table(renamed, directory / f"{view}.parquet", row_group_size=1 << 20)
        store.append(offline_table(view), rows.append_column("tenant", pa.repeat(pa.scalar(TENANT), size.rows)))
    asked = {
        f"{e}_id": _keys(e, size.keys).take(pa.array(rng.integers(0, size.keys, size.entities))) for e in VIEWS.values()
    }
    moments = _BEGIN + rng.permutation(size.entities) * ((SPAN // _MICROSECOND) // size.entities) + 7
    entity_rows = {"row": pa.array(range(size.entities)), "event_timestamp": _times(moments), **asked}
    pq.write_table(pa.table(entity_rows), directory / "entities.parquet")


def _keys(entity: str, count: int) -> pa.Array:
    return pa.array([f"{entity}-{i:06d}" for i in range(count)])


def _times(microseconds: npt.NDArray[np.int64]) -> pa.Array:
    return pa.array(microseconds, pa.timestamp("us", "UTC"))
