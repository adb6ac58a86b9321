"""The statistics that probes report: change point, shape, unit factor, PSI, proportions. Pure functions on arrays."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from tools.reading import Floats

MIN_SEGMENT = 8
"""A change is not claimed on fewer rows than this on either side."""


@dataclass(frozen=True, slots=True)
class ChangePoint:
    """`index` is the first row after the change; `z` the standardised difference; `p` its Bonferroni-bounded tail."""

    index: int
    z: float
    p: float


def change_point(values: Floats) -> ChangePoint | None:
    """The split of the ordered `values` (no NaN) whose two sides differ most in level; None when too few.

    Ranks are turned into normal scores (van der Waerden), so that heavy tails and units do not matter; the scan takes
    the largest two-sample z over all splits and bounds its tail by the number of splits.
    """
    n = values.size
    if n < 2 * MIN_SEGMENT or np.all(values == values[0]):
        return None
    scores = _normal_scores(values)
    return _scan(scores - scores.mean())


def last_change_point(values: Floats, p: float) -> ChangePoint | None:
    """The newest of the changes with a tail below `p`: the scan is repeated on what comes after each one found."""
    start, newest = 0, None
    while (found := change_point(values[start:])) is not None and found.p < p:
        start += found.index
        newest = ChangePoint(index=start, z=found.z, p=found.p)
    return newest


def rate_change_point(flags: Floats) -> ChangePoint | None:
    """The same for 0/1 flags, such as whether a value was null."""
    if flags.size < 2 * MIN_SEGMENT or np.all(flags == flags[0]):
        return None
    return _scan(flags - flags.mean())


def _scan(centred: Floats) -> ChangePoint:
    n = centred.size
    left = np.arange(1, n)
    total = np.cumsum(centred)[:-1]
    variance = float(np.mean(centred**2))
    z = np.abs(total) / np.sqrt(variance * left * (n - left) / n)
    z[: MIN_SEGMENT - 1] = 0
    z[n - MIN_SEGMENT :] = 0
    best = int(np.argmax(z))
    return ChangePoint(index=best + 1, z=float(z[best]), p=min(1.0, n * math.erfc(float(z[best]) / math.sqrt(2))))


def _normal_scores(values: Floats) -> Floats:
    order = np.argsort(values, kind="stable")
    ranks = np.empty(values.size)
    ranks[order] = np.arange(1, values.size + 1)
    # ties share their mean rank: a column of few distinct values must not look ordered by time
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    means = np.bincount(inverse, weights=ranks) / counts
    return normal_quantile(means[inverse] / (values.size + 1))


def normal_quantile(p: Floats) -> Floats:
    """Inverse of the standard normal distribution function; Bowling et al. 2009 logistic form, error under 2e-2."""
    logit = np.log(p / (1 - p))
    # solves logit = 0.07056 x^3 + 1.5976 x by Cardano's formula: one real root
    a, b = 1.5976 / 0.07056, -logit / 0.07056
    root = np.sqrt(b**2 / 4 + a**3 / 27)
    return np.cbrt(-b / 2 + root) + np.cbrt(-b / 2 - root)


def logs(values: Floats) -> Floats | None:
    """Natural logarithms, or None when the column is not one of positive amounts (over 1 % are not above zero)."""
    positive = values[values > 0]
    if positive.size < MIN_SEGMENT or positive.size < 0.99 * values.size:
        return None
    return np.log(positive)


def median_error(values: Floats) -> float:
    """Standard error of the median, by the normal approximation 1.2533 sigma / sqrt(n), sigma from the quartiles."""
    if values.size < 2:
        return math.inf
    return 1.2533 * spread(values) / math.sqrt(values.size)


def spread(values: Floats) -> float:
    """Robust standard deviation: interquartile range / 1.349."""
    low, high = np.quantile(values, [0.25, 0.75])
    return float(high - low) / 1.349


def shape_distance(before: Floats, after: Floats) -> tuple[float, float]:
    """Kolmogorov-Smirnov distance of two log-distributions after aligning their medians, and its 5 % critical value.

    A change of unit only moves the logarithms, so that the aligned distance stays within sampling noise; a different
    population also spreads or skews them.
    """
    first, second = np.sort(before - np.median(before)), np.sort(after - np.median(after))
    both = np.concatenate([first, second])
    distance = np.abs(
        np.searchsorted(first, both, side="right") / first.size
        - np.searchsorted(second, both, side="right") / second.size
    ).max()
    return float(distance), 1.36 * math.sqrt((first.size + second.size) / (first.size * second.size))


def unit_factor(log_ratio: float, error: float) -> float | None:
    """The power of ten (10, 100, 1000, 0.01, …) that a ratio of medians is, or None.

    Units change by powers of ten (cents, thousands). The ratio must lie within three standard errors of it (at least
    15 %, at most 60 %: half-way to the next power is a factor of 3.2) and one itself is no change.
    """
    exponent = round(log_ratio / math.log(10))
    if exponent == 0:
        return None
    tolerance = min(max(3 * error, math.log(1.15)), math.log(1.6))
    return float(10.0**exponent) if abs(log_ratio - exponent * math.log(10)) <= tolerance else None


def psi(reference: Floats, current: Floats, bins: int = 10) -> tuple[float, float]:
    """Population stability index over deciles of `reference`, and what sampling alone would give.

    sum (q - p) ln(q / p), empty bins floored at 1e-4. Without any drift its expectation is about
    (bins - 1)(1/n + 1/m) (Yurdakul 2018), which on small samples is above the usual thresholds.
    """
    edges = np.unique(np.quantile(reference, np.linspace(0, 1, bins + 1)[1:-1]))
    count = edges.size + 1
    p = np.bincount(np.searchsorted(edges, reference, side="left"), minlength=count) / reference.size
    q = np.bincount(np.searchsorted(edges, current, side="left"), minlength=count) / current.size
    p, q = np.maximum(p, 1e-4), np.maximum(q, 1e-4)
    return float(np.sum((q - p) * np.log(q / p))), (count - 1) * (1 / reference.size + 1 / current.size)


def proportion_z(hits: float, total: float, usual_hits: float, usual_total: float) -> float | None:
    """z of a rate against another; smoothed, so that a baseline without a single hit is no proof of anything."""
    if total <= 0 or usual_total <= 0:
        return None
    pooled = (hits + usual_hits + 1) / (total + usual_total + 2)
    error = math.sqrt(pooled * (1 - pooled) * (1 / total + 1 / usual_total))
    return (hits / total - usual_hits / usual_total) / error


def quantile(values: Floats, q: float) -> float | None:
    """A quantile of the values that are not NaN; None when there are none."""
    present = values[~np.isnan(values)]
    return float(np.quantile(present, q)) if present.size else None


def ratio(now: float | None, before: float | None) -> float | None:
    """now / before, or None when either is unknown or before is zero."""
    return None if now is None or before is None or before == 0 else now / before
