"""Feast's side of the point-in-time benchmark; runs in Feast's own environment and imports nothing of ours.

    python point_in_time_feast.py DIRECTORY TTL_HOURS

Commands as in `point_in_time_ours`: `event`, `write` (to `feast.parquet`) and `peak`.
"""

import json
import os
import re
import sys
import time
from datetime import timedelta
from pathlib import Path

os.environ["FEAST_USAGE"] = "False"

import pyarrow as pa
import pyarrow.parquet as pq
from feast import Entity, FeatureStore, FeatureView, Field, FileSource, RepoConfig, ValueType
from feast.types import Float64

VIEWS = {"card_velocity": "card", "device_risk": "device", "merchant_profile": "merchant"}
FEATURES = ("f0", "f1", "f2", "f3", "f4")


def feature_store(directory: Path, ttl: timedelta) -> FeatureStore:
    config = RepoConfig(
        project="benchmark",
        provider="local",
        registry=str(directory / "registry.db"),
        offline_store={"type": "duckdb"},
        online_store={"type": "sqlite", "path": str(directory / "feast_online.db")},
        entity_key_serialization_version=3,
    )
    store = FeatureStore(config=config)
    for view, name in VIEWS.items():
        entity = Entity(name=name, join_keys=[f"{name}_id"], value_type=ValueType.STRING)
        source = FileSource(
            name=view,
            path=str(directory / f"{view}.parquet"),
            timestamp_field="event_ts",
            created_timestamp_column="created_ts",
        )
        schema = [Field(name=feature, dtype=Float64) for feature in FEATURES]
        store.apply([entity, source, FeatureView(name=view, entities=[entity], ttl=ttl, schema=schema, source=source)])
    return store


def peak():
    """Bytes. Not `ru_maxrss`: a child starts with its parent's."""
    found = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
    return int(found[1]) * 1024


def main() -> None:
    directory = Path(sys.argv[1])
    store = feature_store(directory, timedelta(hours=float(sys.argv[2])))
    entity_rows = pq.read_table(directory / "entities.parquet").to_pandas()
    features = [f"{view}:{feature}" for view in VIEWS for feature in FEATURES]

    def join() -> pa.Table:
        return store.get_historical_features(entity_rows, features, full_feature_names=True).to_arrow()

    for line in sys.stdin:
        command, start = line.strip(), time.perf_counter()
        if command == "peak":
            print(json.dumps({"peak": peak()}), flush=True)
            continue
        answer = join()
        seconds = time.perf_counter() - start
        if command == "write":
            pq.write_table(answer, directory / "feast.parquet")
        print(json.dumps({"seconds": seconds}), flush=True)


if __name__ == "__main__":
    main()
