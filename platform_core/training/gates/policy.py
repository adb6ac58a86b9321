"""The limits that gates hold a model against, in a file: reviewed, versioned by digest, the same for everybody.

A file names only what it wants otherwise than the default. What it says of one kind of gate is one block, so that a
limit stands beside the others of its gate.
"""

from __future__ import annotations

from datetime import timedelta
from functools import cached_property
from pathlib import Path

import yaml
from pydantic import Field, ValidationError, field_validator

from foundation.canonical import digest
from foundation.errors import InvalidInput
from foundation.frozen import Frozen
from platform_core.training.types import Stage

DEFAULT_GATES: dict[str, tuple[str, ...]] = {
    "staging": ("documentation", "drift", "latency", "performance"),
    "production": ("bias", "consistency", "documentation", "drift", "latency", "performance"),
}


class HeldOutLimits(Frozen):
    """Labelled payments that no version compared has seen: newer than the training data of all of them."""

    days: float = Field(default=30, gt=0)
    """The newest so many at most."""

    max_rows: int = Field(default=40_000, ge=100)
    min_rows: int = Field(default=500, ge=1)
    min_frauds: int = Field(default=50, ge=1)
    seed: int = 0


class PerformanceLimits(Frozen):
    """Non-inferiority: the interval of the difference to the champion must lie above minus the margin."""

    auc_margin: float = Field(default=0.01, ge=0, lt=1)
    average_precision_margin: float = Field(default=0.05, ge=0, lt=1)
    cost_margin: float = Field(default=0.10, ge=0)
    """Of the champion's cost: 0.1 lets it cost a tenth more."""

    missed_to_declined: float = Field(default=5.0, gt=0)
    """What a missed fraud costs, in genuine payments declined."""

    minimum_auc: float = Field(default=0.7, ge=0.5, lt=1)
    """For the first version, which has no champion to be compared with."""

    confidence: float = Field(default=0.95, gt=0.5, lt=1)
    replicates: int = Field(default=400, ge=100, le=10_000)


class BiasLimits(Frozen):
    """How much likelier a genuine payment of one segment may be declined than one of all others."""

    max_difference: float = Field(default=0.02, gt=0, lt=1)
    """Between the two rates: 0.02 is two genuine payments more in a hundred."""

    max_ratio: float = Field(default=2.0, gt=1)
    """Both must be exceeded, and the interval of the difference must say so, for a segment to fail."""

    min_genuine: int = Field(default=200, ge=10)
    """Genuine payments of a segment under which it is not judged."""

    max_unjudged_share: float = Field(default=0.2, ge=0, le=1)
    """Of the payments, in any one dimension, that may be of segments that are too small."""

    confidence: float = Field(default=0.95, gt=0.5, lt=1)
    """Over all segments together (Bonferroni)."""


class ConsistencyLimits(Frozen):
    """A replay: the same entity rows scored from the offline and from the online store."""

    rows: int = Field(default=400, ge=10, le=5000)
    min_rows: int = Field(default=50, ge=1)
    tolerance: float = Field(default=1e-6, ge=0)
    max_unequal_share: float = Field(default=0.0, ge=0, lt=1)
    """Of rows whose scores differ. A row that differs is read again before it counts: the stores move meanwhile."""


class LatencyLimits(Frozen):
    """One call of the model for one row, without the store and the network."""

    p99_ms: float = Field(default=2.0, gt=0)
    """Where neither an endpoint nor a view of the model declares more or less."""

    share_of_declared: float = Field(default=0.2, gt=0, le=1)
    """What of a declared latency SLA the model alone may take."""

    repeats: int = Field(default=7, ge=3, le=100)
    calls: int = Field(default=300, ge=100, le=10_000)


class DriftLimits(Frozen):
    """The training data against the newest data, by the monitors' PSI."""

    max_psi: float = Field(default=0.25, gt=0)
    max_columns: int = Field(default=0, ge=0)
    """Columns that may be over it."""

    max_null_rate_change: float = Field(default=0.1, gt=0, le=1)
    newest_days: float = Field(default=2, gt=0)
    max_rows: int = Field(default=20_000, ge=200)
    min_rows: int = Field(default=200, ge=50)


class DocumentationLimits(Frozen):
    """What a model card must speak of, and with how much text."""

    sections: tuple[str, ...] = ("owner", "purpose", "limits", "data", "metrics")
    min_characters: int = Field(default=20, ge=1)


class DecayLimits(Frozen):
    """No gate: when a retraining of the version in production is proposed."""

    auc_drop: float = Field(default=0.03, gt=0, lt=0.5)
    confidence: float = Field(default=0.95, gt=0.5, lt=1)
    replicates: int = Field(default=200, ge=100, le=10_000)


class GatePolicy(Frozen):
    gates: dict[Stage, tuple[str, ...]] = Field(default_factory=lambda: dict(DEFAULT_GATES))  # type: ignore[arg-type]
    """Those that a version must pass to enter a stage."""

    valid_hours: float = Field(default=72, gt=0)
    """How long a review may be acted on: the world it was judged in goes on."""

    held_out: HeldOutLimits = HeldOutLimits()
    performance: PerformanceLimits = PerformanceLimits()
    bias: BiasLimits = BiasLimits()
    consistency: ConsistencyLimits = ConsistencyLimits()
    latency: LatencyLimits = LatencyLimits()
    drift: DriftLimits = DriftLimits()
    documentation: DocumentationLimits = DocumentationLimits()
    decay: DecayLimits = DecayLimits()

    @field_validator("gates")
    @classmethod
    def _known(cls, value: dict[Stage, tuple[str, ...]]) -> dict[Stage, tuple[str, ...]]:
        """Production without a gate would be a door without a lock."""
        known = set(DEFAULT_GATES["production"])
        for stage, gates in value.items():
            unknown = sorted(set(gates) - known)
            if unknown:
                raise ValueError(f"no gate {unknown[0]!r} (for {stage}); there are {', '.join(sorted(known))}")
            if not gates:
                raise ValueError(f"{stage} has no gate; leave the line out for the default")
        defaults: dict[Stage, tuple[str, ...]] = dict(DEFAULT_GATES)  # type: ignore[arg-type]
        return {**defaults, **value}

    @cached_property
    def digest(self) -> str:
        """Over every limit: a review under another policy is another review."""
        return digest(self.model_dump(mode="json"))

    @property
    def valid_for(self) -> timedelta:
        return timedelta(hours=self.valid_hours)


def load_gate_policy(path: Path | None) -> GatePolicy:
    """From a YAML file; the defaults without one. Raises InvalidInput, naming the field, for what does not fit."""
    if path is None:
        return GatePolicy()
    try:
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise InvalidInput(f"the gate policy {str(path)!r} cannot be read: {error}") from error
    try:
        return GatePolicy.model_validate(document or {})
    except ValidationError as error:
        wrong = "; ".join(f"{'.'.join(map(str, e['loc'])) or 'file'}: {e['msg']}" for e in error.errors())
        raise InvalidInput(f"the gate policy {str(path)!r} does not fit: {wrong}") from error
