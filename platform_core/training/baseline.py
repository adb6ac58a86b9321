"""How columns looked in training: what drift is measured against."""

from __future__ import annotations

import numpy as np

from platform_core.training.metrics import Floats
from platform_core.training.types import FeatureBaseline

_VENTILES = np.arange(1, 20) / 20


def column_baseline(column: Floats, weight: Floats) -> FeatureBaseline:
    """Each row counts as the payments it stands for. NaN is null."""
    known = ~np.isnan(column)
    values, mass = column[known], weight[known]
    null_rate = round(1 - float(mass.sum() / weight.sum()), 6)
    if len(values) == 0:
        return FeatureBaseline(null_rate=null_rate, mean=None, stddev=None, p01=None, p50=None, p99=None)
    mean = float(np.average(values, weights=mass))
    p01, p50, p99 = weighted_quantiles(values, mass, np.array([0.01, 0.5, 0.99]))
    return FeatureBaseline(
        null_rate=null_rate,
        mean=mean,
        stddev=float(np.sqrt(np.average((values - mean) ** 2, weights=mass))),
        p01=float(p01),
        p50=float(p50),
        p99=float(p99),
        ventiles=tuple(weighted_quantiles(values, mass, _VENTILES).tolist()),
    )


def weighted_quantiles(values: Floats, weight: Floats, shares: Floats) -> Floats:
    """The smallest value that at least each share of the weight is not above."""
    order = np.argsort(values, kind="stable")
    reached = np.cumsum(weight[order])
    at = np.searchsorted(reached, shares * reached[-1] * (1 - 1e-12))
    return values[order][np.minimum(at, len(values) - 1)]
