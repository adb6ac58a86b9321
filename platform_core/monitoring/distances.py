"""Wasserstein distance, Kolmogorov-Smirnov and chi-square of two samples, defined as Evidently defines them.

For what the screen flagged: they sort, or take SciPy's exact distributions, which is more than a screen of hundreds of
features should cost. Source: Evidently 0.7, `legacy/calculations/stattests/{wasserstein_distance_norm,ks_stattest,
chisquare_stattest}.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from platform_core.monitoring.shares import Column, by_value

_SMALLEST_NORM = 0.001


def wasserstein(reference: Column, current: Column) -> float:
    """First Wasserstein distance in standard deviations of the reference (0.001 at least)."""
    from scipy.stats import wasserstein_distance

    norm = max(float(np.std(reference.values)), _SMALLEST_NORM)
    return float(wasserstein_distance(reference.values, current.values)) / norm


def kolmogorov_smirnov(reference: Column, current: Column) -> float:
    """P-value of the two-sided two-sample test."""
    from scipy.stats import ks_2samp

    found: Any = ks_2samp(reference.values, current.values)
    return float(found.pvalue)


def chi_square(reference: Column, current: Column) -> float:
    """P-value of the current counts against the reference's shares; 0 when a value is new."""
    from scipy.stats import chi2

    expected, observed = by_value(reference.values, current.values)
    wanted = expected * (observed.sum() / expected.sum())
    if ((wanted == 0) & (observed > 0)).any():
        return 0.0
    statistic = float(np.sum((observed - wanted) ** 2 / wanted))
    return float(chi2.sf(statistic, len(wanted) - 1))


def distances(reference: Column, current: Column) -> Mapping[str, float]:
    """Those that apply: the first two to numbers, the third to categories. Both samples must hold something."""
    if reference.numeric and current.numeric:
        return {
            "wasserstein": wasserstein(reference, current),
            "ks_p_value": kolmogorov_smirnov(reference, current),
        }
    return {"chi_square_p_value": chi_square(reference, current)}
