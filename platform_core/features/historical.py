"""Point-in-time correct feature values for a list of past moments: what training and backtests read.

For each row of `entity_rows` (a key, a tenant, a time t) and each view, the visible feature row is the newest one of
that tenant and key with t - ttl <= event_ts <= t; among rows of the same event time the one created last. No row later
than t is ever seen, none older than ttl, none of another tenant.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.compute

from foundation.errors import InvalidInput, NotFound
from platform_core.catalog.specs import Catalog, FeatureView
from platform_core.features.feature_rows import TIMESTAMP, offline_table
from platform_core.features.offline.port import OfflineStore
from platform_core.features.transformations import interval, quote

_ROW = "__row"
_compute: Any = pyarrow.compute  # its kernels are made at import time: no type checker sees them


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
    joined: dict[str, pa.ChunkedArray] = {}
    for view in views:
        answer = _visible(offline, view, keys[view.name], wanted[view.name], entity_rows)
        joined |= {f"{view.name}__{feature}": answer[feature] for feature in wanted[view.name]}
    for reference in spec.features:
        column = reference.replace(":", "__")
        entity_rows = entity_rows.append_column(column, joined[column])
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
) -> pa.Table:
    """The columns `features`, one row per row of `entity_rows`, in its order."""
    asked = pa.table(
        {
            _ROW: pa.array(range(len(entity_rows)), pa.int64()),
            "tenant": entity_rows["tenant"].cast(pa.string()),
            "key": entity_rows[key].cast(pa.string()),
            "moment": entity_rows["event_timestamp"].cast(TIMESTAMP, safe=False),
        }
    )
    bounds = _compute.min_max(asked["moment"])
    first, last = bounds["min"].as_py(), bounds["max"].as_py()
    if first is None:
        return pa.table({f: pa.nulls(len(entity_rows), pa.float64()) for f in features})
    known = offline.schema(offline_table(view.name)).names
    stored = [f for f in features if f in known]
    columns = ["tenant", "key", "event_ts", "created_ts", *stored]
    end = last + timedelta(microseconds=1)
    history = offline.read(offline_table(view.name), start=first - view.ttl, end=end, columns=columns)
    with duckdb.connect() as database:
        database.execute("SET TimeZone = 'UTC'")
        database.register("asked", asked)
        database.register("history", history)
        return database.sql(_query(view, features, stored)).to_arrow_table()


def _query(view: FeatureView, features: list[str], stored: list[str]) -> str:
    within = f"h.event_ts >= a.moment - {interval(view.ttl)}"
    values = ", ".join(
        f"CASE WHEN {within} THEN h.{quote(f)} END AS {quote(f)}"
        if f in stored
        else f"CAST(NULL AS DOUBLE) AS {quote(f)}"  # the view gained it after its history was written
        for f in features
    )
    # A plain ASOF join does not break ties of event time by the created time: one row per event time first.
    return f"""
WITH newest AS (
  SELECT * FROM history QUALIFY row_number() OVER (PARTITION BY tenant, key, event_ts ORDER BY created_ts DESC) = 1)
SELECT {values} FROM asked a ASOF LEFT JOIN newest h
  ON a.tenant = h.tenant AND a.key = h.key AND a.moment >= h.event_ts
ORDER BY a.{_ROW}"""  # noqa: S608
