"""What the prediction log keeps of a request, and the Arrow schemas of its two tables.

`predictions` holds an answer a row, `prediction_errors` a request that got none after a version was chosen for it. Both
are partitioned by day as all tables of the offline store with a `ts` are: reading a day reads that day's files.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from platform_core.training.types import ModelVersion

TABLE = "predictions"
ERRORS_TABLE = "prediction_errors"

SCHEMA = pa.schema(
    [
        ("ts", pa.timestamp("us", tz="UTC")),
        ("endpoint", pa.string()),
        ("tenant", pa.string()),
        ("model_version", pa.string()),
        ("variant", pa.string()),
        ("score", pa.float64()),
        ("declined", pa.bool_()),
        ("amount", pa.float64()),
        ("latency_ms", pa.float64()),
        ("store_ms", pa.float64()),
        ("model_ms", pa.float64()),
        ("degraded", pa.int64()),
    ]
)
"""What monitors and probes read (`platform_core.serving.types.PredictionLog`)."""

DETAILS = pa.schema(
    [
        ("request_id", pa.string()),
        ("entity", pa.string()),
        ("features", pa.binary()),
        ("shadow_scores", pa.string()),
        ("logged_share", pa.float64()),
        ("fallback", pa.string()),
    ]
)
"""What is kept beside: `entity` is a pseudonym; `features` are little-endian float64 in the order of the signature of
`model_version`; `shadow_scores` is a JSON object of scores by version; `logged_share` is the share of requests that the
log kept then, so that a row stands for 1 / logged_share of them; `fallback` is what answered in place of late features,
null for an ordinary answer."""

WHOLE = pa.schema([*SCHEMA, *DETAILS])

ERRORS = pa.schema(
    [
        ("ts", pa.timestamp("us", tz="UTC")),
        ("endpoint", pa.string()),
        ("tenant", pa.string()),
        ("model_version", pa.string()),
        ("variant", pa.string()),
        ("code", pa.string()),
        ("latency_ms", pa.float64()),
        ("request_id", pa.string()),
        ("entity", pa.string()),
    ]
)


class ScoringModel(Protocol):
    """What the log needs of `platform_core.training.scoring.LoadedModel`."""

    @property
    def version(self) -> ModelVersion: ...

    def score(self, rows: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]: ...


class PredictionRow(NamedTuple):
    """One answer. Durations are milliseconds of the wall.

    `entity` is the key as it was asked for: the writer's thread makes the pseudonym. `features` is `vector.tobytes()`
    in the order of `model`'s columns; `shadows` are the models that are to score the same vector beside: the writer's
    thread does so in bulk, after the answer.
    """

    ts: datetime
    endpoint: str
    tenant: str
    model_version: str
    variant: str
    score: float
    declined: bool
    amount: float | None
    latency_ms: float
    store_ms: float
    model_ms: float
    degraded: int
    request_id: str | None = None
    entity: str | None = None
    features: bytes | None = None
    model: ScoringModel | None = None
    shadows: Sequence[ScoringModel] = ()
    logged_share: float = 1.0
    fallback: str | None = None


class PredictionErrorRow(NamedTuple):
    """One request that failed after its version was chosen, in the order of ERRORS. `code` is the error's."""

    ts: datetime
    endpoint: str
    tenant: str
    model_version: str
    variant: str
    code: str
    latency_ms: float
    request_id: str | None = None
    entity: str | None = None


def features_of(packed: bytes | None) -> npt.NDArray[np.float64]:
    """The vector of a row's `features`; empty when none was kept."""
    return np.frombuffer(packed or b"", dtype="<f8")


def columns(rows: Sequence[NamedTuple], schema: pa.Schema) -> dict[str, list[Any]]:
    """The rows' fields of these names, column by column."""
    by_name = dict(zip(type(rows[0])._fields, zip(*rows, strict=True), strict=True))
    return {name: list(by_name[name]) for name in schema.names if name in by_name}


def table_of(row: PredictionRow | PredictionErrorRow) -> str:
    return TABLE if isinstance(row, PredictionRow) else ERRORS_TABLE


class Batch(NamedTuple):
    """The oldest rows that wait, and how many had been dropped when they were taken."""

    rows: list[PredictionRow | PredictionErrorRow]
    dropped: int
