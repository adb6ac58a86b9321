"""Planted models and planted evidence for the gates: what is good and what is bad about each is known."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import numpy as np
import numpy.typing as npt

from platform_core.monitoring.statistics import Bins, small_sample_psi
from platform_core.training.gates.policy import GatePolicy
from platform_core.training.gates.port import Case, Evidence, LabelledRows, Replay, Rows, ServedThreshold
from platform_core.training.scoring import LoadedModel
from platform_core.training.types import FeatureBaseline, ModelSignature, ModelVersion, SignatureFeature

Floats = npt.NDArray[np.float64]

NAMES = ("risk", "noise", "country_code")
START, END = datetime(2026, 11, 17, tzinfo=UTC), datetime(2026, 11, 19, tzinfo=UTC)
CARD = """# fraud_score version 2

## Owner
risk, who answers for it when it misbehaves.

## Purpose
Probability that a payment is fraudulent.

## Limits
It knows the countries of its training window only.

## Training data
800 labelled payments of seven days in November.

## Metrics
| auc | 0.9 |
| recall | 0.6 |
"""


@dataclass(frozen=True)
class Formula:
    """A model whose scores are computed by `of`, from all rows at once."""

    of: Callable[[Floats], Floats]
    slow_ms: float = 0.0
    columns: int = len(NAMES)

    def score(self, rows: Floats, *, threads: int = 1) -> Floats:
        del threads
        return self.of(rows)

    def score_one(self, row: Floats) -> float:
        if self.slow_ms:
            time.sleep(self.slow_ms / 1000)
        return float(self.of(row[None, :])[0])

    def attributions(self, rows: Floats, *, threads: int = 1) -> Floats:
        raise AssertionError("no gate asks for attributions")


def model(
    of: Callable[[Floats], Floats], *, version: str = "2", threshold: float = 0.8, slow_ms: float = 0.0
) -> LoadedModel:
    seen = FeatureBaseline(null_rate=0.0, mean=0.5, stddev=0.3, p01=0.0, p50=0.5, p99=1.0)
    signature = ModelSignature(
        feature_service="fraud_v1",
        features=tuple(SignatureFeature(name=name, origin="request") for name in NAMES),
        decline_threshold=threshold,
        metrics={"auc": 0.9},
        baseline=dict.fromkeys(NAMES, seen),
        parameters={},
        seed=1,
        data_digest="0" * 64,
        data_start=datetime(2026, 11, 10, tzinfo=UTC),
        data_end=START,
        rows=800,
        code_version="0" * 64,
        environment={},
    )  # fmt: skip
    registered = ModelVersion(
        name="fraud_score",
        version=version,
        stage="dev",
        signature=signature,
        files={"model.txt": "0" * 64},
        created_at=START,
        created_by="service:training",
    )
    return LoadedModel(registered, Formula(of, slow_ms))


def by_risk(rows: Floats) -> Floats:
    """A good model: the column that fraud follows."""
    return rows[:, 0]


def by_noise(rows: Floats) -> Floats:
    """A bad one: a column that says nothing."""
    return rows[:, 1]


def against_mexico(rows: Floats) -> Floats:
    """As good, but it declines a tenth of the genuine payments of one country for nothing."""
    return np.where((rows[:, 2] == 1) & (rows[:, 1] > 0.9), 0.95, rows[:, 0])


def labelled(rows: int = 4000, seed: int = 3, fraud_share: float = 0.05) -> LabelledRows:
    """Fraud has a high risk most of the time, genuine payments a low one; a third of them are of Mexico."""
    rng = np.random.default_rng(seed)
    label = (rng.random(rows) < fraud_share).astype(np.float64)
    risk = np.clip(rng.normal(np.where(label == 1, 0.8, 0.3), 0.15), 0, 1)
    mexico = rng.random(rows) < 0.33
    features = np.column_stack([risk, rng.random(rows), mexico.astype(np.float64)])
    size = np.array(["small", "medium", "large"])[rng.integers(0, 3, rows)]
    segments = {"country": np.where(mexico, "mx", "br"), "merchant_size": size}
    return LabelledRows(NAMES, features, label, np.ones(rows), segments, START, END)


@dataclass
class FakeEvidence(Evidence):
    rows: LabelledRows = field(default_factory=labelled)
    reference: Rows | None = None
    newest: Rows | None = None
    replayed: Replay | None = None
    card_text: str = CARD
    declared: dict[str, float] = field(default_factory=dict[str, float])
    served: tuple[ServedThreshold, ...] = ()

    def held_out(self) -> LabelledRows:
        return self.rows

    def training_rows(self) -> Rows:
        return labelled(seed=11) if self.reference is None else self.reference

    def newest_rows(self) -> Rows:
        return labelled(seed=12) if self.newest is None else self.newest

    def replay(self) -> Replay:
        features = self.rows.features[:200]
        return Replay(NAMES, features, features) if self.replayed is None else self.replayed

    def card(self) -> str:
        return self.card_text

    def declared_latency_ms(self) -> Mapping[str, float]:
        return self.declared

    def thresholds(self) -> tuple[ServedThreshold, ...]:
        return self.served

    def psi(self, reference: Floats, current: Floats) -> float:
        bins = Bins.of(reference)
        return small_sample_psi(bins, bins.counts(current))


def case(
    candidate: LoadedModel, champion: LoadedModel | None = None, *, policy: GatePolicy | None = None, **evidence: Any
) -> Case:
    return Case(candidate, champion, policy or fast_policy(), FakeEvidence(**evidence))


def fast_policy(**limits: Any) -> GatePolicy:
    """The defaults with fewer replicates and calls."""
    small: dict[str, Any] = {
        "performance": {"replicates": 100},
        "latency": {"repeats": 3, "calls": 100},
        "decay": {"replicates": 100},
    }
    return GatePolicy.model_validate({**small, **limits})
