"""An endpoint is slow: it burns the error budget of its latency objective.

The objective is that 99 % of the answers come within `threshold` ms. As in multi-window burn-rate alerts (Google, Site
Reliability Workbook, chapter 5), it fires when 14.4 % are late, in a longer and in a shorter window alike, so that
neither one hiccup nor a slowness that is already over pages anybody.
"""

from __future__ import annotations

from datetime import timedelta

import numpy as np

from platform_core.monitoring.alert import Alert
from platform_core.monitoring.monitor import Monitor, Watch, alert
from platform_core.urn import parse_urn
from platform_core.view import PlatformView

LONG = timedelta(minutes=12)
SHORT = timedelta(minutes=4)
MINIMUM_LONG = 15
MINIMUM_SHORT = 3
BURN = 0.144


class LatencyMonitor(Monitor):
    """`latency-<endpoint>`; threshold: the p99 objective in milliseconds."""

    prefix = "latency"
    watched = "endpoint"

    def look(self, view: PlatformView, watch: Watch) -> Alert | None:
        _kind, endpoint = parse_urn(watch.spec.subject)
        now = view.clock.now()
        rows = view.predictions.read(now - LONG, now + timedelta(seconds=1), endpoint=endpoint)
        latency = rows["latency_ms"].to_numpy()
        short = latency[rows["ts"].to_numpy() >= np.datetime64((now - SHORT).replace(tzinfo=None))]
        if len(latency) < MINIMUM_LONG or len(short) < MINIMUM_SHORT:
            return None
        p99 = float(np.quantile(latency, 0.99))
        self.readings[watch.name] = p99
        limit = watch.spec.threshold
        if (latency > limit).mean() < BURN or (short > limit).mean() < BURN:
            return None
        late = float((latency > limit).mean())
        return alert(
            watch,
            "latency",
            now=now,
            value=p99,
            severity="critical",
            summary=f"{endpoint}: p99 {p99:.0f} ms, {late:.0%} of {len(latency)} answers over {limit:g} ms",
        )
