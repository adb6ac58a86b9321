"""The Feast side of the online benchmarks. Runs in Feast's own environment, imports nothing of ours.

    python feast_online.py DIRECTORY CONNECTION      CONNECTION: redis host:port,db=1 or sqlite

Reads a JSON command per line from stdin and answers with a JSON line: {"do": "write"|"read"|"values", …}.
Feast is set up as its documentation has it: a repository with an entity, a view of ten floats and a service; the
registry is cached for longer than the benchmark lasts.
"""

from __future__ import annotations

import json
import os
import sys
import time
import warnings
from datetime import UTC, datetime, timedelta
from pathlib import Path

os.environ["FEAST_USAGE"] = "False"
warnings.simplefilter("ignore")

import pandas as pd  # noqa: E402
from feast import Entity, FeatureService, FeatureStore, FeatureView, Field, FileSource, ValueType  # noqa: E402
from feast.repo_config import RepoConfig  # noqa: E402
from feast.types import Float64  # noqa: E402

FEATURES = [f"f{i}" for i in range(10)]


def make_store(directory: Path, connection: str) -> FeatureStore:
    if connection == "sqlite":
        online = {"type": "sqlite", "path": str(directory / "feast_online.db")}
    else:
        online = {"type": "redis", "connection_string": connection}
    document = {
        "project": "bench",
        "provider": "local",
        "registry": {"path": str(directory / "registry.db"), "cache_ttl_seconds": 86_400},
        "online_store": online,
        "offline_store": {"type": "file"},
        "entity_key_serialization_version": 3,
    }
    (directory / "feature_store.yaml").write_text(json.dumps(document))  # JSON is YAML
    store = FeatureStore(config=RepoConfig(repo_path=str(directory), **document))
    card = Entity(name="card", join_keys=["card_id"], value_type=ValueType.STRING)
    source = FileSource(
        path=str(directory / "stats.parquet"), timestamp_field="event_ts", created_timestamp_column="created_ts"
    )
    frame(1, 0).to_parquet(directory / "stats.parquet")
    view = FeatureView(
        name="stats",
        entities=[card],
        ttl=timedelta(days=1),
        schema=[Field(name=f, dtype=Float64) for f in FEATURES],
        source=source,
        online=True,
    )
    store.apply([card, view, FeatureService(name="bench", features=[view])])
    return store


def frame(entities: int, turn: int) -> pd.DataFrame:
    """The same rows as `online_setup.frame`."""
    moment = datetime.now(UTC)
    columns: dict[str, object] = {"card_id": [f"card-{i}" for i in range(entities)]}
    for place, feature in enumerate(FEATURES):
        columns[feature] = [i * 10.0 + place + turn / 8 for i in range(entities)]
    return pd.DataFrame({**columns, "event_ts": pd.Timestamp(moment), "created_ts": pd.Timestamp(moment)})


def main() -> None:
    directory, connection = Path(sys.argv[1]), sys.argv[2]
    store = make_store(directory, connection)
    service = store.get_feature_service("bench")
    print(json.dumps({"ready": True}), flush=True)
    for line in sys.stdin:
        command = json.loads(line)
        rows = [{"card_id": key} for key in command.get("keys", [])]
        seconds: list[float] = []
        cpu: list[float] = []
        answer: dict[str, object] = {"seconds": seconds, "cpu": cpu}
        if command["do"] == "write":
            for turn in command["turns"]:
                given = frame(command["entities"], turn)
                before, started = time.process_time(), time.perf_counter()
                store.write_to_online_store("stats", given)
                seconds.append(time.perf_counter() - started)
                cpu.append(time.process_time() - before)
        elif command["do"] == "read":
            for _ in range(command["times"]):
                started = time.perf_counter()
                store.get_online_features(features=service, entity_rows=rows).to_dict()
                seconds.append(time.perf_counter() - started)
        else:
            found = store.get_online_features(features=service, entity_rows=rows).to_dict()
            answer["values"] = [found[f] for f in FEATURES]
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
