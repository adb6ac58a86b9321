"""What is said of one row, and how it is written."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from platform_core.serving.endpoints import ServedEndpoint
from platform_core.serving.found import RowFeatures
from platform_core.serving.questions import Row
from platform_core.serving.rollout import Variant
from platform_core.training.scoring import LoadedModel

RULES = "rules"
"""The model version of an answer that no model gave."""


@dataclass(slots=True)
class Answer:
    """`vector`: the row as the model was given it, little-endian float64; None when no model scored."""

    row: Row
    features: RowFeatures
    variant: Variant
    version: str
    score: float
    declined: bool
    model: LoadedModel | None = None
    vector: bytes | None = None
    attributions: dict[str, Any] | None = None

    def document(self, served: ServedEndpoint) -> dict[str, Any]:
        """The JSON of `Prediction`."""
        features = self.features
        missing, expired = features.missing, features.expired
        degraded = missing or expired
        if missing and expired:
            degraded = [name for name in served.shape.features if name in missing or name in expired]
        return {
            "request_id": self.row.request_id,
            "endpoint": served.name,
            "model_version": self.version,
            "variant": self.variant,
            "score": self.score,
            "decision": "decline" if self.declined else "approve",
            "degraded": degraded,
            "missing": missing,
            "expired": expired,
            "defaulted": features.defaulted,
            "fallback": features.fallback,
            "attributions": self.attributions,
        }


@dataclass(slots=True)
class Timing:
    """When each part of a request began, by `perf_counter`, and how many seconds of the wall it took; 0 for what was
    not done."""

    store_at: float = 0.0
    store: float = 0.0
    """Only of features that came."""
    waited: float = 0.0
    """For features, whether they came or not."""
    store_fault: str | None = None
    """Why they did not come: the error's name."""
    model_at: float = 0.0
    model: float = 0.0
    answer_at: float = 0.0
    answer: float = 0.0
    size: int = 0
    """Bytes of the answer."""
