"""Which version scored a request: looked up in the prediction log, with what was being rolled out then."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from math import isnan

import pyarrow as pa
import pyarrow.compute as pc

from foundation.errors import NotFound
from foundation.frozen import Frozen
from platform_core.operations.resources import ResourceReader
from platform_core.operations.timeline import ChangeEvent, OperationsReader
from platform_core.serving.prediction_log import DeltaPredictionLog
from platform_core.serving.prediction_log_rows import features_of
from platform_core.serving.rollouts.halting import spec_of
from platform_core.training.registry import ModelRegistry
from platform_core.urn import urn

_LOOK_BACK = timedelta(days=60)


class ScoredRequest(Frozen):
    """One answer, and where its score comes from. `features` by name, None where they were null; of a version that the
    registry does not know they have no names and are left out. `change`: the rollout step that was in force."""

    request_id: str
    at: datetime
    endpoint: str
    tenant: str
    model: str
    version: str
    variant: str
    score: float
    declined: bool
    fallback: str | None
    shadow_scores: dict[str, float]
    features: dict[str, float | None]
    training_data_digest: str | None
    trained_until: datetime | None
    change: ChangeEvent | None


def scored_requests(
    request_id: str,
    log: DeltaPredictionLog,
    resources: ResourceReader,
    operations: OperationsReader,
    registry: ModelRegistry,
    *,
    now: datetime,
    days: int,
) -> list[ScoredRequest]:
    """The answers to `request_id` in the last `days`, newest first; a day of the log is read at a time.

    Raises NotFound when there is none.
    """
    found: list[ScoredRequest] = []
    for back in range(days):
        end = now - timedelta(days=back) + timedelta(seconds=1)
        rows = log.read_whole(end - timedelta(days=1), end)
        mine = rows.filter(pc.call_function("equal", [rows["request_id"], pa.scalar(request_id)]))
        found += [_scored(row, resources, operations, registry) for row in mine.to_pylist()]
    if not found:
        hint = "look back further with --days; sampled logs do not hold every request"
        raise NotFound(f"no answer to {request_id[:80]!r} in the last {days} days", hint=hint)
    distinct = {(one.endpoint, one.version, one.at): one for one in found}
    return sorted(distinct.values(), key=lambda one: one.at, reverse=True)


def _scored(
    row: dict[str, object], resources: ResourceReader, operations: OperationsReader, registry: ModelRegistry
) -> ScoredRequest:
    at, endpoint, version = row["ts"], str(row["endpoint"]), str(row["model_version"])
    packed, shadows = row["features"], row["shadow_scores"]
    if not isinstance(at, datetime):
        raise TypeError("the log's `ts` is a time")
    name = urn("endpoint", endpoint)
    model = spec_of(resources.get(name)).model
    steps = operations.changes(at - _LOOK_BACK, at, subjects=[name], kinds=["rollout"])
    try:
        signature = registry.get(model, version).signature
    except NotFound:
        signature = None
    names = [] if signature is None else [feature.name for feature in signature.features]
    values = features_of(packed if isinstance(packed, bytes) else None).tolist()
    return ScoredRequest.model_validate(
        {
            **{key: row[key] for key in ("request_id", "tenant", "variant", "score", "declined", "fallback")},
            "at": at,
            "endpoint": endpoint,
            "model": model,
            "version": version,
            "shadow_scores": json.loads(shadows) if isinstance(shadows, str) else {},
            "features": {n: None if isnan(v) else v for n, v in zip(names, values, strict=False)},
            "training_data_digest": None if signature is None else signature.data_digest,
            "trained_until": None if signature is None else signature.data_end,
            "change": steps[-1] if steps else None,
        }
    )
