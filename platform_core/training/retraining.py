"""Training a model again on newer data: as the version in production was trained, but for the window."""

from __future__ import annotations

from datetime import datetime, timedelta

from foundation.errors import InvalidInput
from platform_core.catalog.specs import Catalog
from platform_core.features.historical import get_historical_features
from platform_core.features.offline.port import OfflineStore
from platform_core.training.dataset import HistoricalFeatures
from platform_core.training.payments import MAX_PAYMENTS
from platform_core.training.pipeline import train
from platform_core.training.plan import LightGbm, TrainingPlan, Window, make_plan
from platform_core.training.types import ModelVersion, TrainedModel

HOLDBACK = timedelta(days=2)
"""The newest payments are not trained on: the gates compare versions on payments that none of them has seen."""

LEAST_ROWS = 1_000


def retrain(
    offline: OfflineStore,
    catalog: Catalog,
    current: ModelVersion,
    *,
    now: datetime,
    since: datetime | None = None,
    holdback: timedelta = HOLDBACK,
    historical: HistoricalFeatures = get_historical_features,
    max_payments: int = MAX_PAYMENTS,
) -> TrainedModel:
    """As long a window as the last time, up to `holdback` before now, none of it before `since`.

    Raises InvalidInput when nothing is left of it, or when there is nothing to learn from.
    """
    signature = current.signature
    end = now - min(holdback, (signature.data_end - signature.data_start) / 4)
    start = end - (signature.data_end - signature.data_start)
    if since is not None and since > start:
        start = since
    if start >= end:
        raise InvalidInput(
            f"between {start:%Y-%m-%d %H:%M} and {end:%Y-%m-%d %H:%M} UTC there is nothing to train on",
            hint="wait until there is more of the new data: the newest payments are kept for the gates",
        )
    plan = declared(current).over(start, end)
    return train(plan, offline, catalog, historical=historical, max_payments=max_payments)


def declared(version: ModelVersion) -> TrainingPlan:
    """What `version` was trained by; of one from before there were plans, what is known of it."""
    signature = version.signature
    if signature.plan:
        return make_plan(signature.plan, f"the plan of {version.name} version {version.version}")
    return TrainingPlan(
        model=version.name,
        feature_service=signature.feature_service,
        window=Window(start=signature.data_start, end=signature.data_end),
        seed=signature.seed,
        max_rows=max(signature.rows, LEAST_ROWS),
        estimator=LightGbm(trees=int(signature.parameters.get("trees", 100))),
    )
