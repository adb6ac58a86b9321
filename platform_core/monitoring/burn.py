"""An endpoint burns the error budget of its availability: answers that it gave without its features.

Multi-window, multi-burn-rate alerts (Google, Site Reliability Workbook, chapter 5, table 5-8): 2 % of a month's budget
in an hour, or 5 % in six hours; each with a short window beside it, so that what is over does not page.
"""

from __future__ import annotations

from datetime import timedelta

import numpy as np

from platform_core.monitoring.alert import Alert
from platform_core.monitoring.monitor import Monitor, Watch, alert
from platform_core.urn import parse_urn
from platform_core.view import PlatformView

WINDOWS = (
    (timedelta(hours=1), timedelta(minutes=5), 14.4),
    (timedelta(hours=6), timedelta(minutes=30), 6.0),
)
"""(long, short, burn rate): as many times as fast as the budget allows."""

MINIMUM_ANSWERS = 50
MINIMUM_BAD = 5


class BurnMonitor(Monitor):
    """`burn-<endpoint>`; threshold: the objective, the share of answers that must be whole, e.g. 0.999."""

    prefix = "burn"
    watched = "endpoint"

    def look(self, view: PlatformView, watch: Watch) -> Alert | None:
        _kind, endpoint = parse_urn(watch.spec.subject)
        now, budget = view.clock.now(), 1.0 - watch.spec.threshold
        rows = view.predictions.read(now - WINDOWS[-1][0], now + timedelta(seconds=1), endpoint=endpoint)
        bad = rows["degraded"].to_numpy() > 0
        ages = np.datetime64(now.replace(tzinfo=None)) - rows["ts"].to_numpy()
        for long, short, rate in WINDOWS:
            late, newest = bad[ages <= np.timedelta64(long)], bad[ages <= np.timedelta64(short)]
            if len(late) < MINIMUM_ANSWERS or not len(newest) or late.sum() < MINIMUM_BAD or budget <= 0:
                continue
            burnt = float(late.mean()) / budget
            self.readings[watch.name] = burnt
            if burnt >= rate and float(newest.mean()) / budget >= rate:
                hours, minutes = long.total_seconds() / 3600, short.total_seconds() / 60
                return alert(
                    watch,
                    "errors",
                    now=now,
                    value=burnt,
                    severity="critical",
                    summary=f"{endpoint} burns its error budget {burnt:.1f} times too fast: {int(late.sum())} of "
                    f"{len(late)} answers in {hours:g} h and {int(newest.sum())} of {len(newest)} in {minutes:g} min "
                    f"came without features, objective {watch.spec.threshold:.3%}",
                )
        return None
