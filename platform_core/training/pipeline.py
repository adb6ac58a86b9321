"""The training pipeline: the same plan, data, code and environment give the same bytes."""

from __future__ import annotations

import platform
from collections.abc import Callable
from datetime import datetime, timedelta

import numpy as np

from foundation.errors import InvalidInput
from platform_core.catalog.specs import Catalog
from platform_core.features.historical import get_historical_features
from platform_core.features.offline.port import OfflineStore
from platform_core.training.baseline import column_baseline
from platform_core.training.compatibility import signature_features
from platform_core.training.dataset import HistoricalFeatures, TrainingSet, load_training_set
from platform_core.training.evaluation import judge
from platform_core.training.fitted import Rows
from platform_core.training.fitting import fit
from platform_core.training.payments import MAX_PAYMENTS
from platform_core.training.pinned import PinnedOfflineStore
from platform_core.training.plan import LightGbm, TrainingPlan, Window
from platform_core.training.provenance import code_version, environment_lock, query_digest
from platform_core.training.types import ModelSignature, TrainedModel

Tell = Callable[[str], None]
"""Hears what is being done."""


def train(
    plan: TrainingPlan,
    offline: OfflineStore,
    catalog: Catalog,
    *,
    historical: HistoricalFeatures = get_historical_features,
    max_payments: int = MAX_PAYMENTS,
    tell: Tell = lambda what: None,
) -> TrainedModel:
    """The model that `plan` declares, judged on the newest part of its rows.

    `historical` makes the point-in-time join. With a `PinnedOfflineStore` the versions that were read are noted.
    Raises InvalidInput when there is nothing to learn from, or too much (`max_payments`); NotFound for a feature
    service or table that is not there.
    """
    features = signature_features(catalog, catalog.feature_service(plan.feature_service))
    data = load_training_set(
        offline,
        catalog,
        plan.feature_service,
        start=plan.window.start,
        end=plan.window.end,
        max_rows=plan.max_rows,
        seed=plan.seed,
        feature_lag=plan.feature_lag or timedelta(microseconds=1),
        historical=historical,
        label=plan.label,
        segments=plan.segments,
        max_payments=max_payments,
        tell=tell,
    )
    cut = _time_split(data, plan.validation_share)
    tell(f"fitting {plan.estimator.flavor} to {cut:,} payments")
    fitted = fit(
        plan.estimator,
        Rows(data.names, data.features[:cut], data.label[:cut], data.weight[:cut]),
        plan.seed,
    )
    tell(f"judging on {len(data) - cut:,} payments")
    score = fitted.model.score(data.features[cut:])
    quality = judge(
        data.label[cut:],
        score,
        data.weight[cut:],
        costs=plan.costs,
        segments={name: values[cut:] for name, values in data.segments.items()},
    )
    signature = ModelSignature(
        flavor=plan.estimator.flavor,
        owner=catalog.feature_service(plan.feature_service).owner,
        feature_service=plan.feature_service,
        features=features,
        decline_threshold=quality.threshold,
        metrics=quality.metrics,
        baseline={name: column_baseline(data.features[:, i], data.weight) for i, name in enumerate(data.names)},
        parameters=fitted.parameters,
        seed=plan.seed,
        data_digest=data.digest,
        data_start=plan.window.start,
        data_end=plan.window.end,
        rows=len(data),
        code_version=code_version(),
        environment={"python": platform.python_version(), "numpy": np.__version__, **fitted.libraries},
        environment_lock=environment_lock(),
        plan=plan.model_dump(mode="json"),
        table_versions=dict(sorted(offline.versions.items())) if isinstance(offline, PinnedOfflineStore) else {},
        query_digest=query_digest(plan, catalog, features),
        quality=quality,
        scores=column_baseline(score, data.weight[cut:]),
    )
    return TrainedModel(fitted.model_text, signature, fitted.steps)


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
    feature_lag: timedelta | None = None,
    historical: HistoricalFeatures = get_historical_features,
    model: str = "fraud_score",
) -> TrainedModel:
    """Gradient-boosted trees by the default plan. Raises as `train` does."""
    plan = TrainingPlan(
        model=model,
        feature_service=service,
        window=Window(start=start, end=end),
        seed=seed,
        max_rows=max_rows,
        estimator=LightGbm(trees=trees),
        feature_lag=feature_lag,
    )
    return train(plan, offline, catalog, historical=historical)


def _time_split(data: TrainingSet, share: float) -> int:
    """Index of the first validation row: validation is all newer than training, as production will be."""
    cut = int(len(data) * (1 - share))
    for part, label in (("training", data.label[:cut]), ("validation", data.label[cut:])):
        if len(np.unique(label)) < 2:
            raise InvalidInput(f"the {part} part of the window lacks one of the classes", hint="widen the window")
    return cut
