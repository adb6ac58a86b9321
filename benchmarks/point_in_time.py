"""Point-in-time join: ours against pandas' merge_asof, view by view, on the same Delta tables.

    python -m benchmarks.point_in_time [--rows 200000] [--questions 50000] [--repeats 5]

The results are compared before anything is timed. Prints one JSON line: seconds of each (median) and their ratio, where
a ratio below 1 means that ours is faster. Both read the history from the store; both run in one process, in turns.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa

from platform_core.catalog.specs import Aggregation, Catalog, Entity, FeatureService, FeatureView
from platform_core.features.feature_rows import offline_table
from platform_core.features.historical import get_historical_features
from platform_core.features.offline.delta import DeltaOfflineStore

START = datetime(2026, 11, 5, tzinfo=UTC)
SPAN = timedelta(days=14)
TTL = timedelta(hours=24)
VIEWS = {"card_velocity": ("card", 20_000), "device_risk": ("device", 15_000), "merchant_profile": ("merchant", 800)}
FEATURES = ("a", "b", "c")
TENANT = "br"


def catalog() -> Catalog:
    window = timedelta(hours=1)
    views = tuple(
        FeatureView(
            name=name,
            entity=entity,
            sources=(),
            aggregations=tuple(Aggregation(name=f, function="count", column=f, window=window) for f in FEATURES),
            ttl=TTL,
            freshness_sla=window,
            owner="benchmark",
            channel="",
            description="",
        )
        for name, (entity, _) in VIEWS.items()
    )
    features = tuple(f"{name}:{feature}" for name in VIEWS for feature in FEATURES)
    service = FeatureService(name="fraud_v1", features=features, request_fields=(), owner="benchmark", description="")
    entities = tuple(Entity(name=e, join_key=f"{e}_id", description="") for e, _ in VIEWS.values())
    return Catalog(entities=entities, sources=(), feature_views=views, feature_services=(service,))


def moments(rng: np.random.Generator, count: int) -> pa.Array:
    first = int(START.timestamp() * 1e6)
    return pa.array(first + rng.integers(0, SPAN // timedelta(microseconds=1), count), pa.timestamp("us", "UTC"))


def fill(offline: DeltaOfflineStore, rng: np.random.Generator, rows: int) -> None:
    for view, (_, keys) in VIEWS.items():
        times = moments(rng, rows)
        table = {
            "tenant": pa.array([TENANT] * rows),
            "key": pa.array([f"k{i}" for i in rng.integers(0, keys, rows)]),
            "event_ts": times,
            "created_ts": times,
            **{feature: pa.array(rng.random(rows)) for feature in FEATURES},
        }
        offline.append(offline_table(view), pa.table(table))


def ask(rng: np.random.Generator, questions: int) -> pa.Table:
    keys = {f"{e}_id": pa.array([f"k{i}" for i in rng.integers(0, n, questions)]) for e, n in VIEWS.values()}
    tenant = pa.array([TENANT] * questions)
    return pa.table({"tenant": tenant, "event_timestamp": moments(rng, questions), **keys})


def with_pandas(offline: DeltaOfflineStore, rows: pa.Table) -> pd.DataFrame:
    """What one writes without a feature store: merge_asof per view, ties broken by the created time."""
    answer = rows.to_pandas()
    asked = answer.reset_index(names="position").sort_values("event_timestamp")
    for view, (entity, _) in VIEWS.items():
        history = offline.read(offline_table(view)).to_pandas()
        history = history.sort_values(["event_ts", "created_ts"], kind="stable")
        joined = pd.merge_asof(
            asked,
            history,
            left_on="event_timestamp",
            right_on="event_ts",
            left_by=["tenant", f"{entity}_id"],
            right_by=["tenant", "key"],
            tolerance=TTL,
        ).sort_values("position")
        for feature in FEATURES:
            answer[f"{view}__{feature}"] = joined[feature].to_numpy()
    return answer


def seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def main() -> None:
    parser = argparse.ArgumentParser(description="point-in-time join against pandas.merge_asof")
    parser.add_argument("--rows", type=int, default=200_000, help="feature rows per view")
    parser.add_argument("--questions", type=int, default=50_000)
    parser.add_argument("--repeats", type=int, default=5)
    options = parser.parse_args()
    rng = np.random.default_rng(20261119)
    specs = catalog()
    with tempfile.TemporaryDirectory() as directory:
        offline = DeltaOfflineStore(Path(directory))
        fill(offline, rng, options.rows)
        questions = ask(rng, options.questions)
        ours = get_historical_features(offline, specs, "fraud_v1", questions)
        theirs = with_pandas(offline, questions)
        for column in (f"{view}__{feature}" for view in VIEWS for feature in FEATURES):
            np.testing.assert_array_equal(ours[column].to_numpy(), theirs[column].to_numpy(), err_msg=column)
        timed: list[tuple[float, float]] = []
        for _ in range(options.repeats):
            mine = seconds(lambda: get_historical_features(offline, specs, "fraud_v1", questions))
            timed.append((mine, seconds(lambda: with_pandas(offline, questions))))
        result = {
            "benchmark": "point_in_time",
            "rows": options.rows * len(VIEWS),
            "questions": options.questions,
            "seconds": round(statistics.median(mine for mine, _ in timed), 4),
            "baseline": "pandas.merge_asof",
            "baseline_seconds": round(statistics.median(other for _, other in timed), 4),
            "ratio": round(statistics.median(mine / other for mine, other in timed), 4),
            "equal": True,
        }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
