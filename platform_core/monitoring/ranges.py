"""A column holds values that its owner promised it would not."""

from __future__ import annotations

import numpy as np

from platform_core.monitoring.alert import Alert
from platform_core.monitoring.monitor import Monitor, Watch, alert
from platform_core.monitoring.recent_rows import WINDOW, recent_rows
from platform_core.monitoring.statistics import binomial_tail
from platform_core.view import PlatformView

MINIMUM_ROWS = 15
SIGNIFICANCE = 1e-4


class RangeMonitor(Monitor):
    """`range-<source>-<column>`; threshold: the share of values that may lie outside `minimum` … `maximum`."""

    prefix = "range"
    watched = "column"

    def look(self, view: PlatformView, watch: Watch) -> Alert | None:
        name, column = watch.parts
        source, now = view.catalog.source(name), view.clock.now()
        spec = next(c for c in source.columns if c.name == column)
        rows = recent_rows(view, source, [column], now)
        if rows is None:
            return None
        values = rows[column].drop_null().to_numpy()
        if len(values) < MINIMUM_ROWS:
            return None
        low = -np.inf if spec.minimum is None else spec.minimum
        high = np.inf if spec.maximum is None else spec.maximum
        outside = values[~((values >= low) & (values <= high))]
        rate = len(outside) / len(values)
        self.readings[watch.name] = rate
        allowed = watch.spec.threshold
        if rate <= allowed or binomial_tail(len(outside), len(values), max(allowed, 0.001)) > SIGNIFICANCE:
            return None
        return alert(
            watch,
            "quality",
            now=now,
            value=rate,
            summary=f"{name}.{column}: {len(outside)} of {len(values)} values of the last "
            f"{WINDOW.total_seconds() / 60:g} min are outside {low:g} … {high:g}, allowed {allowed:.2%}; "
            f"they reach from {outside.min():.6g} to {outside.max():.6g}",
        )
