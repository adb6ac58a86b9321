"""A view's features hold values, or nulls, that their owner promised they would not."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute

from foundation.errors import NotFound
from platform_core.catalog.specs import Feature
from platform_core.features.clock_skew import MAX_CLOCK_SKEW
from platform_core.features.feature_rows import offline_table
from platform_core.monitoring.alert import Alert
from platform_core.monitoring.monitor import Monitor, Watch, alert, first_few
from platform_core.monitoring.nulls import MINIMUM_EXCESS
from platform_core.monitoring.recent_rows import WINDOW
from platform_core.monitoring.statistics import binomial_tail
from platform_core.view import PlatformView

MINIMUM_ROWS = 15
SIGNIFICANCE = 1e-4
_LISTED = 5

_compute: Any = pyarrow.compute  # its kernels are made at import time: no type checker sees them


class _Kept(NamedTuple):
    """How a feature keeps its promise: the share of rows that break it, and what to say where they are too many."""

    share: float
    broken: str | None


class PromiseMonitor(Monitor):
    """`promise-<view>-<tenant>`; threshold: the share of a feature's values that may lie outside `minimum` … `maximum`.
    Nulls are held to `max_null_rate`, over which they must be by five points, as those of a source.

    Judged on the feature rows of the last 15 minutes by event time, 15 at least: what was materialized, online and off.
    """

    prefix = "promise"
    watched = "view"

    def look(self, view: PlatformView, watch: Watch) -> Alert | None:
        name, tenant = watch.parts
        promised = [f for f in view.catalog.feature_view(name).fields if is_promised(f)]
        rows = _recent(view, name, tenant, [f.name for f in promised])
        if rows is None or len(rows) < MINIMUM_ROWS:
            return None
        kept = [_judge(feature, rows[feature.name], watch) for feature in promised if feature.name in rows.column_names]
        worst = self.readings[watch.name] = max((k.share for k in kept), default=0.0)
        broken = [k.broken for k in kept if k.broken is not None]
        if not broken:
            return None
        return alert(
            watch,
            "quality",
            now=view.clock.now(),
            value=worst,
            summary=f"{name} of {tenant}, last {WINDOW.total_seconds() / 60:g} min: " + first_few(broken, _LISTED),
        )


def is_promised(feature: Feature) -> bool:
    """Whether its owner says anything about its values that can be held."""
    return feature.max_null_rate < 1 or (_bounded(feature) and feature.dtype in ("int64", "float64"))


def _bounded(feature: Feature) -> bool:
    return feature.minimum is not None or feature.maximum is not None


def _recent(view: PlatformView, name: str, tenant: str, features: list[str]) -> pa.Table | None:
    table, now = offline_table(name), view.clock.now()
    try:
        known = view.offline.schema(table).names
        columns = ["event_ts", "tenant", *(f for f in features if f in known)]
        rows = view.offline.read(table, start=now - WINDOW, end=now + MAX_CLOCK_SKEW, columns=columns)
    except NotFound:
        return None
    return rows.filter(_compute.equal(rows["tenant"], tenant))


def _judge(feature: Feature, column: pa.ChunkedArray, watch: Watch) -> _Kept:
    rows, said = len(column), list[str]()
    null_rate = column.null_count / rows
    promise, over = feature.max_null_rate, max(null_rate - feature.max_null_rate, 0.0)
    if over >= MINIMUM_EXCESS and binomial_tail(column.null_count, rows, max(promise, 0.001)) <= SIGNIFICANCE:
        said.append(f"{feature.name}: {null_rate:.0%} of {rows} values are null, promised at most {promise:.0%}")
    outside = 0.0
    if _bounded(feature) and feature.dtype in ("int64", "float64") and rows > column.null_count:
        values = column.drop_null().to_numpy()
        low = -np.inf if feature.minimum is None else feature.minimum
        high = np.inf if feature.maximum is None else feature.maximum
        beyond = values[~((values >= low) & (values <= high))]
        outside, allowed = len(beyond) / len(values), watch.spec.threshold
        tail = binomial_tail(len(beyond), len(values), max(allowed, 0.001))
        if outside > allowed and tail <= SIGNIFICANCE:
            said.append(
                f"{feature.name}: {len(beyond)} of {len(values)} values are outside {low:g} … {high:g}, "
                f"they reach from {beyond.min():.6g} to {beyond.max():.6g}"
            )
    return _Kept(max(over, outside), "; ".join(said) or None)
