"""What is live of a feature view: how fresh it is online, how its last job ended, what its newest values look like."""

from __future__ import annotations

from collections.abc import Collection
from datetime import timedelta
from typing import cast

import polars as pl

from foundation.errors import NotFound
from platform_core.catalog.card import FeatureFigures, TenantState, ViewState
from platform_core.catalog.specs import FeatureView
from platform_core.features.feature_rows import offline_table
from platform_core.urn import urn
from platform_core.view import PlatformView

DAY = timedelta(days=1)
RUNS = timedelta(days=7)


def view_state(platform: PlatformView, view: FeatureView, tenants: Collection[str] | None = None) -> ViewState:
    """By tenant, of `tenants` if given. What was never materialized has no values and no rows.

    Raises Unavailable when a store is away.
    """
    known = platform.catalog.tenants(view.name)
    return {tenant: _tenant(platform, view, tenant) for tenant in known if tenants is None or tenant in tenants}


def _tenant(platform: PlatformView, view: FeatureView, tenant: str) -> TenantState:
    now = platform.clock.now()
    newest = platform.online.newest_event(tenant, view.name)
    rows = _rows_of_the_day(platform, view, tenant)
    return TenantState(
        newest_event=newest,
        lag=None if newest is None else now - newest,
        last_run=_last_run(platform, view, tenant),
        rows=len(rows),
        features={f.name: _figures(rows[f.name]) for f in view.fields if len(rows) and f.name in rows.columns},
    )


def _rows_of_the_day(platform: PlatformView, view: FeatureView, tenant: str) -> pl.DataFrame:
    now = platform.clock.now()
    table = offline_table(view.name)
    try:
        known = platform.offline.schema(table).names
        columns = ["tenant", *(f.name for f in view.fields if f.name in known)]
        rows = platform.offline.read(table, start=now - DAY, end=now, columns=columns)
    except NotFound:
        return pl.DataFrame()
    return cast(pl.DataFrame, pl.from_arrow(rows)).filter(pl.col("tenant") == tenant)


def _figures(values: pl.Series) -> FeatureFigures:
    numbers = values.drop_nulls() if values.dtype.is_numeric() else values.clear()
    lowest, highest = numbers.min(), numbers.max()
    return FeatureFigures(
        null_rate=values.null_count() / len(values),
        minimum=None if lowest is None else float(cast(float, lowest)),
        maximum=None if highest is None else float(cast(float, highest)),
    )


def _last_run(platform: PlatformView, view: FeatureView, tenant: str) -> str:
    now = platform.clock.now()
    runs = platform.operations.job_runs(now - RUNS, now, subject=urn("feature_view", view.name))
    run = next((r for r in runs if r.tenant == tenant), None)
    if run is None:
        return ""
    so_far = "" if run.status == "succeeded" else " so far" if run.status == "running" else " until then"
    return f"{run.status} {run.started_at:%Y-%m-%d %H:%M} UTC, {run.rows} rows{so_far}"
