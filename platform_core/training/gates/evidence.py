"""What the gates look at, from the platform's own stores."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property

import numpy as np
import polars as pl

from platform_core.catalog.specs import Catalog
from platform_core.features.historical import get_historical_features
from platform_core.features.offline.port import OfflineStore
from platform_core.operations.resources import MonitorSpec, ResourceReader
from platform_core.training.answering import serving
from platform_core.training.dataset import HistoricalFeatures
from platform_core.training.gates.payments import (
    drawn,
    in_full,
    labelled_payments,
    labelled_rows,
    some_payments,
    with_features,
)
from platform_core.training.gates.policy import GatePolicy
from platform_core.training.gates.port import Evidence, Floats, LabelledRows, Replay, Rows, ServedThreshold
from platform_core.training.gates.replaying import Replaying
from platform_core.training.gates.thresholds import served_thresholds
from platform_core.training.payments import MAX_PAYMENTS
from platform_core.training.retraining import declared
from platform_core.training.scoring import LoadedModel
from platform_core.urn import parse_urn

StabilityIndex = Callable[[Floats, Floats], float]
"""Of a reference sample and a current one: the drift monitors' PSI, given from above, since monitoring lies above
training."""


@dataclass(frozen=True)
class Sources:
    """Where evidence comes from, the same for every model."""

    offline: OfflineStore
    catalog: Catalog
    resources: ResourceReader
    replaying: Replaying
    psi: StabilityIndex
    historical: HistoricalFeatures = get_historical_features
    max_payments: int = MAX_PAYMENTS


class StoredEvidence(Evidence):
    """For one candidate against one champion; each kind is read once, when it is asked for."""

    def __init__(
        self, sources: Sources, policy: GatePolicy, candidate: LoadedModel, champion: LoadedModel | None, card: str
    ) -> None:
        self._sources = sources
        self._policy = policy
        self._candidate = candidate
        self._models = (candidate,) if champion is None else (candidate, champion)
        self._card = card
        self._plan = declared(candidate.version)
        self._now = sources.replaying.clock.now()

    def held_out(self) -> LabelledRows:
        return self._held_out

    @cached_property
    def _held_out(self) -> LabelledRows:
        limits, sources = self._policy.held_out, self._sources
        # to the end of what any of them saw: a payment that one was trained on would flatter it
        newest = max(model.version.signature.data_end for model in self._models)
        start = max(newest, self._now - timedelta(days=limits.days))
        payments = labelled_payments(
            sources.offline, sources.catalog, start, self._now, self._plan.label, most=sources.max_payments
        )
        if not len(payments):
            return nothing(start, self._now)
        chosen = drawn(payments, limits.max_rows, limits.seed)
        some = in_full(sources.offline, sources.catalog, start, self._now, chosen)
        return labelled_rows(self._features(some), some, start, self._now)

    def training_rows(self) -> Rows:
        signature = self._candidate.version.signature
        return self._any(signature.data_start, signature.data_end - signature.data_start)

    def newest_rows(self) -> Rows:
        length = timedelta(days=self._policy.drift.newest_days)
        return self._any(self._now - length, length)

    def replay(self) -> Replay:
        limits, signature = self._policy.consistency, self._candidate.version.signature
        recent = some_payments(
            self._sources.offline,
            self._sources.catalog,
            self._now - timedelta(days=1),
            self._now,
            rows=limits.rows,
            seed=self._policy.held_out.seed,
            most=self._sources.max_payments,
        )
        return self._sources.replaying.replay(signature.feature_service, recent)

    def card(self) -> str:
        return self._card

    def declared_latency_ms(self) -> Mapping[str, float]:
        """Of the latency monitors of endpoints that serve the model, and of the views that it reads."""
        version, catalog = self._candidate.version, self._sources.catalog
        found: dict[str, float] = {}
        resources = self._sources.resources.list()
        subjects = {endpoint.urn for endpoint in serving(resources, version.name)}
        for resource in resources:
            spec, name = resource.spec, parse_urn(resource.urn)[1]
            if isinstance(spec, MonitorSpec) and spec.subject in subjects and name.startswith("latency-"):
                found[f"the SLA of {parse_urn(spec.subject)[1]}"] = spec.threshold
        views = dict.fromkeys(
            feature.name.split("__", 1)[0] for feature in version.signature.features if feature.origin == "store"
        )
        for view in (view for view in catalog.feature_views if view.name in views):
            if view.latency_sla is not None:
                found[f"the SLA of {view.name}"] = view.latency_sla.total_seconds() * 1000
        return found

    def thresholds(self) -> list[ServedThreshold]:
        return self._thresholds

    @cached_property
    def _thresholds(self) -> list[ServedThreshold]:
        # What the review says that it was judged by: every gate is told the same, though each takes minutes.
        return served_thresholds(self._sources.resources.list(), self._candidate.version.name)

    def psi(self, reference: Floats, current: Floats) -> float:
        return self._sources.psi(reference, current)

    def _any(self, start: datetime, length: timedelta) -> Rows:
        limits, sources = self._policy.drift, self._sources
        payments = some_payments(
            sources.offline,
            sources.catalog,
            start,
            start + length,
            rows=limits.max_rows,
            seed=self._policy.held_out.seed,
            most=self._sources.max_payments,
        )
        return self._features(payments) if len(payments) else Rows((), np.zeros((0, 0)))

    def _features(self, payments: pl.DataFrame) -> Rows:
        sources = self._sources
        services = dict.fromkeys(model.version.signature.feature_service for model in self._models)
        lag = self._plan.feature_lag or timedelta(microseconds=1)
        return with_features(sources.offline, sources.catalog, list(services), payments, lag, sources.historical)


def nothing(start: datetime, end: datetime) -> LabelledRows:
    """No payment at all."""
    none = np.zeros(0)
    return LabelledRows((), np.zeros((0, 0)), none, none, {}, start, end)
