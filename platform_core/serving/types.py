"""What the inference server is asked and answers, and what it logs."""

from __future__ import annotations

from datetime import datetime
from typing import Literal, Protocol

import pyarrow as pa
from pydantic import Field

from foundation.frozen import Frozen


class PredictionRequest(Frozen):
    """`POST /v1/predict/{endpoint}`: entity keys by entity name, and the request-time inputs."""

    request_id: str
    entities: dict[str, str]
    inputs: dict[str, float]
    attributions: bool = False
    """Whether to explain the score: costs about as much as scoring a few more times."""


class Attributions(Frozen):
    """Exact SHAP values in log-odds: `base` plus the sum over `features` is logit(score)."""

    base: float
    features: dict[str, float]


class Prediction(Frozen):
    """The answer. `degraded` names features that were missing or expired and were scored as null."""

    request_id: str
    endpoint: str
    model_version: str
    variant: Literal["champion", "canary"]
    score: float = Field(ge=0, le=1)
    decision: Literal["approve", "decline"]
    degraded: list[str]
    attributions: Attributions | None = None
    """None unless they were asked for."""


class PredictionLog(Protocol):
    """Every score, for monitors and probes. Columns of the Arrow table:

    ts (timestamp us UTC), endpoint, tenant, model_version, variant (string), score (float64), declined (bool),
    amount (float64: the request-time amount), latency_ms, store_ms, model_ms (float64), degraded (int64: count).
    """

    def read(self, start: datetime, end: datetime, *, endpoint: str | None = None) -> pa.Table:
        """Rows with start <= ts < end; an empty table with the full schema when there are none."""
        ...
