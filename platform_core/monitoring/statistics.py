"""The statistics that monitors decide on. Small samples are where monitors cry wolf, so each has a form for them."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from platform_core.monitoring.shares import DISCRETE, psi

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Bins:
    """Quantile bins of a reference sample: inner edges, and the share of the reference in each bin."""

    edges: Floats
    shares: Floats
    size: int

    @staticmethod
    def of(reference: Floats, count: int = 10) -> Bins:
        """`count` bins of about equal mass; a bin per value where there are at most `DISCRETE` of them (a flag, a small
        count), and one on either side of an only value. A lowest value that takes a bin's share or more (the zeros of
        most sums) has a bin of its own. NaNs are left out."""
        values = reference[~np.isnan(reference)]
        different = np.unique(values)
        if len(different) == 1:  # one value and no other: what is below it, it, and what is above
            edges = np.array([different[0], np.nextafter(different[0], np.inf)])
        elif len(different) <= DISCRETE and len(different) < len(values):
            edges = (different[1:] + different[:-1]) / 2
        else:
            edges = np.unique(np.quantile(values, np.linspace(0, 1, count + 1)[1:-1]))
            if edges[0] == different[0]:  # nothing lies below an edge at the lowest value: it parts nothing
                edges = np.unique(np.append(edges[1:], different[1]))
        return Bins(edges, _counts(values, edges) / len(values), len(values))

    def counts(self, sample: Floats) -> npt.NDArray[np.int64]:
        """How many of `sample` fall in each bin; NaNs are left out."""
        return _counts(sample[~np.isnan(sample)], self.edges)


def _counts(values: Floats, edges: Floats) -> npt.NDArray[np.int64]:
    return np.bincount(np.searchsorted(edges, values, side="right"), minlength=len(edges) + 1)


def small_sample_psi(bins: Bins, counts: npt.NDArray[np.int64]) -> float:
    """PSI of a small sample against `bins`, without what chance alone gives; never below 0.

    Half an observation is added to every bin (Jeffreys' prior): with 60 observations a decile is empty now and then,
    and `psi` would book 0.7 for it. PSI of a sample of the reference is about chi-square (1/n + 1/m) (Yurdakul 2018),
    so its mean, (bins - 1)(1/n + 1/m), is taken off.
    """
    size = int(counts.sum())
    shares: Floats = (counts.astype(np.float64) + 0.5) / (size + 0.5 * len(counts))
    return max(psi(bins.shares, shares) - (len(counts) - 1) * (1 / size + 1 / bins.size), 0.0)


def chi_square_p(bins: Bins, counts: npt.NDArray[np.int64]) -> float:
    """P-value of Pearson's test that `counts` come from where the reference of `bins` came from.

    The shares are estimates: with a reference of m and n counts the statistic is 1 + n/m times too large.
    """
    total = int(counts.sum())
    if total == 0 or len(counts) < 2:
        return 1.0
    expected = bins.shares * total
    statistic = float(np.sum((counts - expected) ** 2 / np.maximum(expected, 1e-9)))
    return chi_square_tail(statistic / (1 + total / bins.size), len(counts) - 1)


def chi_square_tail(statistic: float, degrees: int) -> float:
    """P(X > statistic) by the Wilson-Hilferty cube-root approximation (1931): good to a few percent in the tail."""
    if statistic <= 0:
        return 1.0
    spread = 2 / (9 * degrees)
    z = ((statistic / degrees) ** (1 / 3) - (1 - spread)) / math.sqrt(spread)
    return 0.5 * math.erfc(z / math.sqrt(2))


def binomial_tail(successes: int, trials: int, rate: float) -> float:
    """P(X >= successes) for X ~ Binomial(trials, rate), summed exactly from the far end of the tail."""
    if successes <= 0 or trials <= 0 or rate >= 1:
        return 1.0
    if rate <= 0:
        return 0.0
    log_odds = math.log(rate) - math.log1p(-rate)
    base = math.lgamma(trials + 1) + trials * math.log1p(-rate)
    terms = (
        math.exp(base + k * log_odds - math.lgamma(k + 1) - math.lgamma(trials - k + 1))
        for k in range(trials, successes - 1, -1)
    )
    return min(math.fsum(terms), 1.0)


def poisson_lower_tail(count: float, expected: float) -> float:
    """P(X <= count) for X ~ Poisson(expected), by Chernoff's bound: never smaller than the truth."""
    if count >= expected:
        return 1.0
    if count <= 0:
        return math.exp(-expected)
    return math.exp(-expected + count - count * math.log(count / expected))


def dispersion(successes: Floats, trials: Floats) -> float:
    """How much more a rate varies between windows than independent trials would: Pearson's chi-square over its
    degrees of freedom (McCullagh and Nelder 1989, section 4.5), at least 1. Fraud comes in bursts: about 2 to 4."""
    used = trials > 0
    total = float(trials[used].sum())
    if used.sum() < 10 or total == 0:
        return 1.0
    rate = float(successes[used].sum()) / total
    if rate <= 0 or rate >= 1:
        return 1.0
    expected = trials[used] * rate
    statistic = float(np.sum((successes[used] - expected) ** 2 / (expected * (1 - rate))))
    return max(statistic / (int(used.sum()) - 1), 1.0)
