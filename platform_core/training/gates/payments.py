"""Payments for gates: labelled ones with their segments, and any ones with the features of their moment."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

import numpy as np
import polars as pl
import pyarrow as pa

from foundation.errors import NotFound
from platform_core.catalog.specs import Catalog
from platform_core.features.offline.port import OfflineStore
from platform_core.training.dataset import HistoricalFeatures
from platform_core.training.gates.port import COUNTRY, Floats, LabelledRows, Rows, Texts
from platform_core.training.labels import LABEL, read_labels
from platform_core.training.payments import MAX_PAYMENTS, fetched, indexed
from platform_core.training.plan import Label
from platform_core.training.request_inputs import request_columns

MERCHANT = "merchant_id"
SIZES = ("small", "medium", "large")


def labelled_payments(
    offline: OfflineStore,
    catalog: Catalog,
    start: datetime,
    end: datetime,
    label: Label,
    *,
    most: int = MAX_PAYMENTS,
) -> pl.DataFrame:
    """An index (`training.payments`) of the payments of all tenants with start <= event_ts < end that have a label,
    oldest first, with is_fraud."""

    def labels(tenant: str) -> pl.DataFrame:
        return _labels(offline, tenant, start, label)

    return indexed(offline, catalog, (start, end), labels=labels, key=label.key, most=most)


def some_payments(
    offline: OfflineStore,
    catalog: Catalog,
    start: datetime,
    end: datetime,
    *,
    rows: int,
    seed: int,
    most: int = MAX_PAYMENTS,
) -> pl.DataFrame:
    """As many payments of that time as wanted at most, drawn from all tenants alike; labels do not matter."""
    whole = indexed(offline, catalog, (start, end), most=most)
    if len(whole) > rows:
        whole = whole[np.sort(np.random.default_rng(seed).choice(len(whole), rows, replace=False))]
    return in_full(offline, catalog, start, end, whole)


def in_full(
    offline: OfflineStore, catalog: Catalog, start: datetime, end: datetime, chosen: pl.DataFrame
) -> pl.DataFrame:
    """`chosen` of an index with tenant, join keys (those that are there), amount and channel."""
    keys = {key for entity in catalog.entities for key in entity.join_keys}

    def columns(table: str) -> list[str]:
        return [*sorted(keys & set(offline.schema(table).names)), "amount", "channel"]

    return fetched(offline, catalog, (start, end), chosen, columns)


def drawn(payments: pl.DataFrame, rows: int, seed: int) -> pl.DataFrame:
    """All fraud and as many genuine payments as there is room for, each standing for `weight` of them."""
    fraud = payments["is_fraud"].to_numpy() == 1
    (genuine,) = np.nonzero(~fraud)
    room = max(rows - int(fraud.sum()), rows // 2)
    if len(genuine) <= room:
        return payments.with_columns(weight=pl.lit(1.0))
    kept = np.random.default_rng(seed).choice(genuine, room, replace=False)
    mask = fraud.copy()
    mask[kept] = True
    weight = np.where(fraud, 1.0, len(genuine) / room)
    return payments.with_columns(weight=pl.Series(weight)).filter(pl.Series(mask))


def with_features(  # noqa: PLR0917 - where from, of what, when
    offline: OfflineStore,
    catalog: Catalog,
    services: Sequence[str],
    payments: pl.DataFrame,
    lag: timedelta,
    historical: HistoricalFeatures,
) -> Rows:
    """`payments` with the features of all `services`, as of `lag` before each, and what a request brings."""
    table = payments.to_arrow()
    moments = payments.select(event_timestamp=pl.col("event_ts") - lag).to_arrow()
    asked = table.append_column("event_timestamp", moments["event_timestamp"])
    columns: dict[str, Floats] = {}
    for service in services:
        answered = historical(offline, catalog, service, asked)
        references = catalog.feature_service(service).features
        columns |= {name: floats(answered[name]) for name in (r.replace(":", "__") for r in references)}
    columns |= {name: floats(values) for name, values in request_columns(table).items()}
    return Rows(tuple(columns), np.ascontiguousarray(np.column_stack(list(columns.values()))))


def labelled_rows(rows: Rows, payments: pl.DataFrame, start: datetime, end: datetime) -> LabelledRows:
    return LabelledRows(
        names=rows.names,
        features=rows.features,
        label=payments["is_fraud"].cast(pl.Float64).to_numpy(),
        weight=payments["weight"].to_numpy(),
        segments=_segments(payments),
        start=start,
        end=end,
    )


def floats(column: pa.ChunkedArray) -> Floats:
    return column.cast(pa.float64()).to_numpy(zero_copy_only=False).astype(np.float64)


def _segments(payments: pl.DataFrame) -> dict[str, Texts]:
    """Country is the tenant. Merchants are small, medium or large by how many of these payments they took, so that
    each size has about a third of the payments."""
    found: dict[str, Texts] = {COUNTRY: payments["tenant"].to_numpy().astype(np.str_)}
    if MERCHANT in payments.columns:
        taken = payments.select(pl.len().over(MERCHANT)).to_series().to_numpy()
        edges = np.quantile(taken, [1 / 3, 2 / 3])
        found["merchant_size"] = np.array(SIZES)[np.searchsorted(edges, taken, side="left")]
    return found


def _labels(offline: OfflineStore, tenant: str, start: datetime, label: Label) -> pl.DataFrame:
    """Columns `label.key` and is_fraud; none of a tenant that has no labels yet."""
    try:
        return read_labels(offline, tenant, start, label)
    except NotFound:
        return pl.DataFrame(schema={label.key: pl.String, LABEL: pl.Float64})
