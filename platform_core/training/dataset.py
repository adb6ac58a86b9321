"""The training set: labelled payments with the features as of the moment each of them was made, as we know them today.

As of is by event time: an event that arrived late counts from when it happened, also for payments that were scored
before it had arrived. The serving side could not see it then, so that training is optimistic by as much as events are
late; `feature_lag` makes up for the usual lateness, not for the rare one of hours.

Events of a source that is or was quarantined are in the history (only online values are restored): end the training
window before the quarantine begins, or leave the tenant's rows since then out.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa

from foundation.errors import InvalidInput
from platform_core.catalog.specs import Catalog, FeatureService
from platform_core.features.historical import get_historical_features
from platform_core.features.offline.port import OfflineStore
from platform_core.training.labels import LABEL, read_labels
from platform_core.training.payments import MAX_PAYMENTS, fetched, indexed
from platform_core.training.plan import Label, Segment
from platform_core.training.request_inputs import request_columns
from platform_core.training.segments import segment_values

Floats = npt.NDArray[np.float64]

_LABEL = "__label"

HistoricalFeatures = Callable[[OfflineStore, Catalog, str, pa.Table], pa.Table]
"""`get_historical_features` of platform_core.features.historical: the entity rows, in their order, with a column
`view__feature` for each feature of the service as of the row's `event_timestamp`."""


@dataclass(frozen=True)
class TrainingSet:
    """Rows sorted by event time. `features` is rows x columns in signature order, NaN for null; `weight` makes up for
    the genuine payments that were left out; `event_us` is microseconds since the epoch."""

    names: tuple[str, ...]
    features: Floats
    label: Floats
    weight: Floats
    event_us: npt.NDArray[np.int64]
    segments: Mapping[str, npt.NDArray[np.str_]] = field(default_factory=dict[str, npt.NDArray[np.str_]])
    """Each row's value by segment. Not learnt from, and not part of the digest."""

    def __len__(self) -> int:
        return len(self.label)

    @property
    def digest(self) -> str:
        """SHA-256 over names and values: two runs with this digest trained on the same data."""
        sha = hashlib.sha256("\x1f".join(self.names).encode())
        for array in (self.features, self.label, self.weight, self.event_us):
            sha.update(np.ascontiguousarray(array).tobytes())
        return sha.hexdigest()


def feature_names(service: FeatureService) -> tuple[str, ...]:
    """The model's columns: the service's features as `view__feature`, then its request fields."""
    return (*(f.replace(":", "__") for f in service.features), *(field.name for field in service.request_fields))


def load_training_set(
    offline: OfflineStore,
    catalog: Catalog,
    service: str,
    *,
    start: datetime,
    end: datetime,
    max_rows: int,
    seed: int,
    feature_lag: timedelta = timedelta(microseconds=1),
    historical: HistoricalFeatures = get_historical_features,
    label: Label = Label(),  # noqa: B008 - frozen
    segments: Sequence[Segment] = (),
    max_payments: int = MAX_PAYMENTS,
    tell: Callable[[str], None] = lambda what: None,
) -> TrainingSet:
    """Payments of all sources with start <= event_ts < end that have a label. `tell` hears what is being done.

    All fraud is kept and genuine payments are drawn down to `max_rows`, each then standing for several (`weight`).
    Features are those of `feature_lag` before the payment: when it was scored it had not been counted itself, and a
    larger lag makes up for the materialization's.

    Raises InvalidInput when the window holds no payment of one of the two classes, or more than `max_payments`.
    """
    names = feature_names(catalog.feature_service(service))
    tell("reading labelled payments")
    extra = [segment.column for segment in segments if segment.column not in (*names, "tenant")]
    keys = [key for entity in catalog.entities for key in entity.join_keys]
    window, wanted = (start, end), [*keys, "amount", "channel", *extra]

    def labels(tenant: str) -> pl.DataFrame:
        return read_labels(offline, tenant, start, label).rename({LABEL: _LABEL})

    if not catalog.sources:
        raise InvalidInput("the catalog has no source to train on")
    labelled = indexed(offline, catalog, window, labels=labels, key=label.key, most=max_payments)
    payments = fetched(offline, catalog, window, _draw(labelled, max_rows, seed), lambda _: wanted)
    rows = payments.to_arrow()
    tell(f"joining features to {len(rows):,} payments")
    moments = payments.select(event_timestamp=pl.col("event_ts") - feature_lag).to_arrow()
    asked = rows.append_column("event_timestamp", moments["event_timestamp"])
    features = historical(offline, catalog, service, asked)
    columns = {**{name: features[name] for name in features.column_names}, **request_columns(rows)}
    missing = [name for name in names if name not in columns]
    if missing:
        raise InvalidInput(
            f"the training set lacks {', '.join(missing)}", hint=f"feature service {service!r} names them"
        )
    matrix = np.column_stack([_floats(columns[name]) for name in names])
    return TrainingSet(
        names=names,
        features=np.ascontiguousarray(matrix),
        label=payments[_LABEL].cast(pl.Float64).to_numpy(),
        weight=payments["weight"].to_numpy(),
        event_us=payments["event_ts"].dt.epoch("us").to_numpy(),
        segments=segment_values(segments, columns),
    )


def _draw(payments: pl.DataFrame, max_rows: int, seed: int) -> pl.DataFrame:
    is_fraud = payments[_LABEL].to_numpy() == 1 if len(payments) else np.zeros(0, np.bool_)
    fraud, genuine = np.flatnonzero(is_fraud), np.flatnonzero(~is_fraud)
    if len(fraud) == 0 or len(genuine) == 0:
        raise InvalidInput(
            f"{len(fraud)} fraudulent and {len(genuine)} genuine payments are not enough to train on",
            hint="widen the window, or wait for chargebacks to come in",
        )
    rng = np.random.default_rng(seed)
    fraud = _sample(rng, fraud, max_rows // 2)
    genuine = _sample(rng, genuine, max_rows - len(fraud))
    kept = np.sort(np.concatenate([fraud, genuine]))
    weights = np.where(is_fraud[kept], is_fraud.sum() / len(fraud), (~is_fraud).sum() / len(genuine))
    return payments[kept].with_columns(weight=pl.Series(weights))


def _sample(rng: np.random.Generator, indices: npt.NDArray[np.intp], size: int) -> npt.NDArray[np.intp]:
    return indices if len(indices) <= size else rng.choice(indices, size, replace=False)


def _floats(column: pa.ChunkedArray) -> Floats:
    return column.cast(pa.float64()).to_numpy(zero_copy_only=False).astype(np.float64)
