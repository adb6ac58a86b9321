"""The Feast side of `serving_redis`: features from Redis by Feast's SDK, scores by MLflow's pyfunc, in FastAPI.

Runs in an environment of its own, imports nothing of ours. DIRECTORY has `model` (MLflow's format) and the Feast
repository is made in it; the registry is cached for longer than the benchmark lasts, so that no request pays for it.

    python serving_feast_app.py DIRECTORY REDIS(host:port,db=1) PORT ROWS.json
"""

from __future__ import annotations

import json
import os
import sys
import warnings
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

os.environ["FEAST_USAGE"] = "False"
warnings.simplefilter("ignore")

import mlflow.pyfunc  # noqa: E402
import pandas as pd  # noqa: E402
import uvicorn  # noqa: E402
from fastapi import FastAPI  # noqa: E402
from feast import Entity, FeatureService, FeatureStore, FeatureView, Field, FileSource, ValueType  # noqa: E402
from feast.repo_config import RepoConfig  # noqa: E402
from feast.types import Float64  # noqa: E402
from pydantic import BaseModel  # noqa: E402


class Question(BaseModel):
    request_id: str
    card: str


def make_store(directory: Path, connection: str, rows: list[list[float]]) -> FeatureStore:
    features = [f"f{i}" for i in range(len(rows[0]))]
    document: dict[str, Any] = {
        "project": "bench",
        "provider": "local",
        "registry": {"path": str(directory / "registry.db"), "cache_ttl_seconds": 86_400},
        "online_store": {"type": "redis", "connection_string": connection},
        "offline_store": {"type": "file"},
        "entity_key_serialization_version": 3,
    }
    store = FeatureStore(config=RepoConfig(repo_path=str(directory), **document))
    moment = pd.Timestamp(datetime.now(UTC))
    frame = pd.DataFrame(rows, columns=features).assign(
        card_id=[f"card-{n}" for n in range(len(rows))], event_ts=moment, created_ts=moment
    )
    frame.head(1).to_parquet(directory / "stats.parquet")
    card = Entity(name="card", join_keys=["card_id"], value_type=ValueType.STRING)
    source = FileSource(
        path=str(directory / "stats.parquet"), timestamp_field="event_ts", created_timestamp_column="created_ts"
    )
    view = FeatureView(
        name="stats",
        entities=[card],
        ttl=timedelta(days=1),
        schema=[Field(name=f, dtype=Float64) for f in features],
        source=source,
        online=True,
    )
    store.apply([card, view, FeatureService(name="bench", features=[view])])
    store.write_to_online_store("stats", frame)
    return store


def make_app(directory: Path, connection: str, rows: list[list[float]]) -> FastAPI:
    store = make_store(directory, connection, rows)
    service = store.get_feature_service("bench")
    model = mlflow.pyfunc.load_model(str(directory / "model"))
    columns = [f"f{i}" for i in range(len(rows[0]))]
    app = FastAPI()

    @app.post("/predict")
    def predict(question: Question) -> dict[str, Any]:
        found = store.get_online_features(features=service, entity_rows=[{"card_id": question.card}]).to_dict()
        score = float(model.predict(pd.DataFrame({name: found[name] for name in columns}))[0])
        return {"request_id": question.request_id, "score": score, "decision": "decline" if score >= 0.5 else "approve"}

    return app


def main() -> None:
    directory, connection, port = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
    rows = json.loads(Path(sys.argv[4]).read_text())
    uvicorn.run(
        make_app(directory, connection, rows), host="127.0.0.1", port=port, log_level="warning", access_log=False
    )


if __name__ == "__main__":
    main()
