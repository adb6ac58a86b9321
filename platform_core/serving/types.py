"""What the inference server is asked and answers, and what it logs."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal, Protocol

import pyarrow as pa
from pydantic import Field

from foundation.frozen import Frozen
from platform_core.operations.serving_policy import FallbackKind

RequestId = Annotated[str, Field(max_length=256)]
Fallback = FallbackKind


class PredictionRequest(Frozen):
    """`POST /v1/predict/{endpoint}`: entity keys by entity name, and the request-time inputs."""

    request_id: RequestId
    entities: dict[str, str]
    inputs: dict[str, float]
    attributions: bool = False
    """Whether to explain the score: costs about as much as scoring a few more times."""


class BatchRow(Frozen):
    """`request_id`: that of the batch with `-1`, `-2`, … when it is not given."""

    entities: dict[str, str]
    inputs: dict[str, float]
    request_id: RequestId | None = None


class BatchRequest(Frozen):
    """Many rows for the same endpoint in one request: their features are read in one round trip."""

    request_id: RequestId
    rows: list[BatchRow] = Field(min_length=1)
    attributions: bool = False


class Attributions(Frozen):
    """Exact SHAP values in log-odds: `base` plus the sum over `features` is logit(score)."""

    base: float
    features: dict[str, float]


class Prediction(Frozen):
    """The answer for one row.

    `degraded` names the features that were missing or expired, which are told apart by `missing` and `expired`; of
    these `defaulted` were scored with the endpoint's default, the others as null. `fallback` says what stood in for
    features that did not come in time: then `missing` and `expired` are those of what was remembered, or all.
    """

    request_id: str
    endpoint: str
    model_version: str
    """`rules` when no model scored."""

    variant: Literal["champion", "canary"]
    score: float = Field(ge=0, le=1)
    decision: Literal["approve", "decline"]
    degraded: list[str]
    missing: list[str] = Field(default_factory=list)
    expired: list[str] = Field(default_factory=list)
    defaulted: list[str] = Field(default_factory=list)
    fallback: Fallback | None = None
    attributions: Attributions | None = None
    """None unless they were asked for."""


class BatchPrediction(Frozen):
    """One answer per row, in the order of the request."""

    request_id: str
    endpoint: str
    predictions: list[Prediction]


class PredictionLog(Protocol):
    """Every score, for monitors and probes. Columns of the Arrow table:

    ts (timestamp us UTC), endpoint, tenant, model_version, variant (string), score (float64), declined (bool),
    amount (float64: the request-time amount), latency_ms, store_ms, model_ms (float64), degraded (int64: count).
    """

    def read(self, start: datetime, end: datetime, *, endpoint: str | None = None) -> pa.Table:
        """Rows with start <= ts < end; an empty table with the full schema when there are none."""
        ...

    def outcomes(self, start: datetime, end: datetime, *, endpoint: str) -> pa.Table:
        """What became of the requests with start <= ts < end: ts (as above), failed (bool: no answer, and not for what
        was asked), degraded (bool: an answer without some feature), requests (float64: how many the row stands for,
        where the log keeps a share of the answers)."""
        rows = self.read(start, end, endpoint=endpoint)
        degraded = pa.array(rows["degraded"].fill_null(0).to_numpy() > 0, pa.bool_())
        ones = pa.repeat(pa.scalar(1.0), len(rows))
        return pa.table(
            {"ts": rows["ts"], "failed": pa.repeat(pa.scalar(False), len(rows)), "degraded": degraded, "requests": ones}
        )
