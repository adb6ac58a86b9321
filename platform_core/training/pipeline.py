"""Training of the fraud model: the same data, code and seed give the same bytes."""

from __future__ import annotations

import hashlib
import platform
from datetime import datetime, timedelta
from pathlib import Path

import lightgbm as lgb
import numpy as np

from foundation.errors import InvalidInput
from platform_core.catalog.specs import Catalog
from platform_core.features.historical import get_historical_features
from platform_core.features.offline.port import OfflineStore
from platform_core.training.compatibility import signature_features
from platform_core.training.dataset import Floats, HistoricalFeatures, TrainingSet, load_training_set
from platform_core.training.metrics import average_precision, cheapest_threshold, decline_rate, roc_auc
from platform_core.training.types import FeatureBaseline, ModelSignature, TrainedModel

VALIDATION_SHARE = 0.2
MISSED_TO_DECLINED = 5.0
"""A fraud that passes costs about five times as much as a good customer turned away."""

_PARAMETERS: dict[str, float | int | str | bool] = {
    "objective": "binary",
    "num_leaves": 31,
    "learning_rate": 0.08,
    "min_data_in_leaf": 40,
    "feature_fraction": 0.9,
    # One thread, row-wise histograms: sums are then taken in one order, and a seed means what it says.
    "num_threads": 1,
    "deterministic": True,
    "force_row_wise": True,
    "verbosity": -1,
}


def train_fraud_model(
    offline: OfflineStore,
    catalog: Catalog,
    service: str,
    *,
    start: datetime,
    end: datetime,
    seed: int,
    max_rows: int = 60_000,
    trees: int = 100,
    feature_lag: timedelta = timedelta(microseconds=1),
    historical: HistoricalFeatures = get_historical_features,
) -> TrainedModel:
    """A model of the labelled payments in [start, end), judged on the newest fifth of them.

    `historical` makes the point-in-time join, `feature_lag` before each payment. Raises InvalidInput when there is
    nothing to learn from.
    """
    data = load_training_set(
        offline,
        catalog,
        service,
        start=start,
        end=end,
        max_rows=max_rows,
        seed=seed,
        feature_lag=feature_lag,
        historical=historical,
    )
    cut = _time_split(data)
    parameters = {**_PARAMETERS, "seed": seed}
    train = lgb.Dataset(data.features[:cut], data.label[:cut], weight=data.weight[:cut], feature_name=list(data.names))
    booster = lgb.train(parameters, train, trees)
    score = np.asarray(booster.predict(data.features[cut:]), dtype=np.float64)
    metrics, threshold = _judge(data.label[cut:], score, data.weight[cut:])
    signature = ModelSignature(
        owner=catalog.feature_service(service).owner,
        feature_service=service,
        features=signature_features(catalog, catalog.feature_service(service)),
        decline_threshold=threshold,
        metrics=metrics,
        baseline=_baseline(data),
        parameters={**parameters, "trees": trees},
        seed=seed,
        data_digest=data.digest,
        data_start=start,
        data_end=end,
        rows=len(data),
        code_version=code_version(),
        environment={"python": platform.python_version(), "lightgbm": lgb.__version__, "numpy": np.__version__},
    )
    return TrainedModel(booster.model_to_string(), signature)


def code_version() -> str:
    """SHA-256 over the source of training and of features: what decides how a model comes out."""
    rooms = [Path(__file__).parent, Path(__file__).parent.parent / "features"]
    sha = hashlib.sha256()
    for path in sorted(p for room in rooms for p in room.rglob("*.py")):
        sha.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return sha.hexdigest()


def _time_split(data: TrainingSet) -> int:
    """Index of the first validation row: validation is all newer than training, as production will be."""
    cut = int(len(data) * (1 - VALIDATION_SHARE))
    for part, label in (("training", data.label[:cut]), ("validation", data.label[cut:])):
        if len(np.unique(label)) < 2:
            raise InvalidInput(f"the {part} part of the window lacks one of the classes", hint="widen the window")
    return cut


def _judge(label: Floats, score: Floats, weight: Floats) -> tuple[dict[str, float], float]:
    threshold = cheapest_threshold(label, score, weight, missed_to_declined=MISSED_TO_DECLINED)
    declined = score >= threshold
    fraud = float((weight * label).sum())
    metrics = {
        "auc": roc_auc(label, score, weight),
        "average_precision": average_precision(label, score, weight),
        "decline_rate": decline_rate(score, weight, threshold),
        "fraud_rate": fraud / float(weight.sum()),
        "recall": float((weight * label)[declined].sum()) / fraud,
        "precision": float((weight * label)[declined].sum() / max(weight[declined].sum(), 1e-12)),
    }
    return {name: round(value, 6) for name, value in metrics.items()}, round(threshold, 6)


def _baseline(data: TrainingSet) -> dict[str, FeatureBaseline]:
    return {name: _column_baseline(data.features[:, i]) for i, name in enumerate(data.names)}


def _column_baseline(column: Floats) -> FeatureBaseline:
    known = column[~np.isnan(column)]
    null_rate = round(1 - len(known) / len(column), 6)
    if len(known) == 0:
        return FeatureBaseline(null_rate=null_rate, mean=None, stddev=None, p01=None, p50=None, p99=None)
    p01, p50, p99 = (float(v) for v in np.quantile(known, [0.01, 0.5, 0.99]))
    return FeatureBaseline(
        null_rate=null_rate, mean=float(known.mean()), stddev=float(known.std()), p01=p01, p50=p50, p99=p99
    )
