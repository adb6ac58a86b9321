"""How fast an endpoint spends the error budget of its availability, in each of several windows.

A request is bad that got no answer, or one without its features. Of an objective of 99.9 % the budget is 0.1 % of the
requests; a burn rate of 1 spends it in exactly the time the objective is over (Google, Site Reliability Workbook,
chapter 5).
"""

from __future__ import annotations

from datetime import datetime, timedelta

import numpy as np

from foundation.frozen import Frozen
from platform_core.serving.types import PredictionLog

WINDOWS = {
    "5m": timedelta(minutes=5),
    "30m": timedelta(minutes=30),
    "1h": timedelta(hours=1),
    "6h": timedelta(hours=6),
}
PAIRS = (("1h", "5m", 14.4), ("6h", "30m", 6.0))
"""(long, short, burn rate), table 5-8: 2 % of a month's budget in an hour, or 5 % in six hours; each with a short
window beside it, so that what is over does not page."""

MINIMUM_REQUESTS = 50
MINIMUM_BAD = 5
"""Seen in the long window: one bad request of a quiet night is a large share, and where a hundredth of the answers is
logged it would stand for a hundred."""


class Spent(Frozen):
    """What a window holds. `requests` are estimated where the prediction log keeps a share of the answers; `seen` are
    its rows, of which `seen_bad` are of bad requests."""

    window: str
    requests: float
    failed: float
    degraded: float
    seen: int
    seen_bad: int
    burn_rate: float
    """As many times as fast as the budget allows; 0 where nothing was asked."""

    @property
    def bad(self) -> float:
        return self.failed + self.degraded


class Budget(Frozen):
    """`spent` by window, as `WINDOWS`."""

    endpoint: str
    tenant: str | None
    objective: float
    spent: dict[str, Spent]

    @property
    def burning(self) -> tuple[Spent, Spent, float] | None:
        """The first pair of windows, long and short, that both burn too fast, and what they may at most."""
        for long, short, limit in PAIRS:
            over, now = self.spent[long], self.spent[short]
            enough = over.seen >= MINIMUM_REQUESTS and over.seen_bad >= MINIMUM_BAD
            if enough and min(over.burn_rate, now.burn_rate) >= limit:
                return over, now, limit
        return None


def budget(log: PredictionLog, endpoint: str, tenant: str | None, objective: float, now: datetime) -> Budget:
    """`objective`: the share of requests that must be answered with all their features, under 1."""
    rows = log.outcomes(now - max(WINDOWS.values()), now + timedelta(seconds=1), endpoint=endpoint)
    ages = np.datetime64(now.replace(tzinfo=None)) - rows["ts"].to_numpy()
    requests, failed, degraded = (rows[name].to_numpy() for name in ("requests", "failed", "degraded"))
    spent: dict[str, Spent] = {}
    for name, length in WINDOWS.items():
        here = ages <= np.timedelta64(length)
        total, lost, poor = (float(requests[here & kind].sum()) for kind in (True, failed, degraded))
        spent[name] = Spent(
            window=name,
            requests=total,
            failed=lost,
            degraded=poor,
            seen=int(here.sum()),
            seen_bad=int((here & (failed | degraded)).sum()),
            burn_rate=(lost + poor) / total / (1.0 - objective) if total else 0.0,
        )
    return Budget(endpoint=endpoint, tenant=tenant, objective=objective, spent=spent)
