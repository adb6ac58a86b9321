"""Point-in-time correct feature values for a list of past moments: what training and backtests read.

For each row of `entity_rows` (a key, a tenant, a time t) and each view, the visible feature row is the newest one of
that tenant and key with t - ttl <= event_ts <= t; among rows of the same event time the one created last. No row later
than t is ever seen, none older than ttl, none of another tenant.

Time is event time: a row that a late event changed is seen as corrected, also for a t before that event arrived. Rows
of a time that was quarantined later stay in the history as they were materialized.
"""

from __future__ import annotations

from datetime import timedelta
from typing import cast

import polars as pl
import pyarrow as pa

from foundation.errors import InvalidInput, NotFound
from platform_core.catalog.specs import Catalog, FeatureView
from platform_core.features.feature_rows import TIMESTAMP, offline_table
from platform_core.features.offline.port import OfflineStore

_ROW = "__row"


def get_historical_features(offline: OfflineStore, catalog: Catalog, service: str, entity_rows: pa.Table) -> pa.Table:
    """`entity_rows` with one float64 column `view__feature` per feature of `service`: as many rows, in the same order.

    `entity_rows` has `tenant` (string), `event_timestamp` (timestamp with a zone) and the join key of each entity that
    the service's views describe; other columns pass through. A feature without a visible row is null.

    Raises NotFound for an unknown service or a view never materialized, InvalidInput for a column that is missing.
    """
    spec = next((s for s in catalog.feature_services if s.name == service), None)
    if spec is None:
        raise NotFound(f"no feature service {service!r}", hint=f"{', '.join(s.name for s in catalog.feature_services)}")
    wanted: dict[str, list[str]] = {}
    for reference in spec.features:
        view, feature = reference.split(":", 1)
        wanted.setdefault(view, []).append(feature)
    views = [catalog.feature_view(name) for name in wanted]
    keys = {view.name: catalog.entity(view.entity).join_key for view in views}
    _check(entity_rows, keys)
    joined: dict[str, pl.Series] = {}
    for view in views:
        answer = _visible(offline, view, keys[view.name], wanted[view.name], entity_rows)
        joined |= {f"{view.name}__{feature}": answer[feature] for feature in wanted[view.name]}
    for reference in spec.features:
        column = reference.replace(":", "__")
        entity_rows = entity_rows.append_column(column, joined[column].to_arrow())
    return entity_rows


def _check(rows: pa.Table, keys: dict[str, str]) -> None:
    for column in ("tenant", "event_timestamp", *keys.values()):
        if column not in rows.column_names:
            known = ", ".join(rows.column_names)
            raise InvalidInput(f"entity rows lack the column {column!r}", hint=f"they have {known}")
    dtype = rows.schema.field("event_timestamp").type
    if not pa.types.is_timestamp(dtype) or dtype.tz is None:
        raise InvalidInput(f"event_timestamp is {dtype}", hint="give timestamps with a zone, e.g. timestamp[us, UTC]")


def _visible(
    offline: OfflineStore, view: FeatureView, key: str, features: list[str], entity_rows: pa.Table
) -> pl.DataFrame:
    """The columns `features`, one row per row of `entity_rows`, in its order."""
    asked = _frame(
        pa.table(
            {
                "tenant": entity_rows["tenant"].cast(pa.string()),
                "key": entity_rows[key].cast(pa.string()),
                "moment": entity_rows["event_timestamp"].cast(TIMESTAMP, safe=False),
            }
        )
    ).with_row_index(_ROW)
    bounds = asked.select(pl.min("moment").alias("first"), pl.max("moment").alias("last"))
    first, last = bounds["first"][0], bounds["last"][0]
    nothing = [pl.lit(None, pl.Float64).alias(f) for f in features]
    if first is None:
        return asked.with_columns(nothing)
    known = offline.schema(offline_table(view.name)).names
    stored = [f for f in features if f in known]  # a view may gain a feature after its history was written
    columns = ["tenant", "key", "event_ts", "created_ts", *stored]
    end = last + timedelta(microseconds=1)
    history = offline.read(offline_table(view.name), start=first - view.ttl, end=end, columns=columns)
    # A backward as-of join takes the last of equal times: sorted by created time within, that is the newest.
    rows = _frame(history).filter(pl.col("tenant").is_in(asked["tenant"].unique().implode()))
    rows = rows.drop_nulls(["tenant", "key", "event_ts"]).sort("event_ts", "created_ts")
    joined = asked.sort("moment").join_asof(
        rows,
        left_on="moment",
        right_on="event_ts",
        by=["tenant", "key"],
        tolerance=view.ttl,
        check_sortedness=False,  # polars cannot check within groups; both sides were sorted above
    )
    return joined.sort(_ROW).with_columns(nothing[features.index(f)] for f in features if f not in stored)


def _frame(table: pa.Table) -> pl.DataFrame:
    return cast(pl.DataFrame, pl.from_arrow(table))
