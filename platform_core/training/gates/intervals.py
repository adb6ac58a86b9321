"""Confidence intervals that gates decide by.

- Differences of AUC, average precision and cost between two scores of the same payments: the paired percentile
  bootstrap (Efron and Tibshirani, "An Introduction to the Bootstrap", 1993, chapters 10 and 13). Whole payments are
  drawn, so both scores see the same sample; classes are drawn apart, so no replicate lacks one. It takes weights and
  any metric, where DeLong's method (1988) speaks of unweighted AUC only.
- Differences of two rates: Newcombe's hybrid of Wilson intervals (Statistics in Medicine 17, 1998, method 10), with
  Kish's effective size for weighted payments.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Interval:
    estimate: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.estimate:+.4f} [{self.low:+.4f}, {self.high:+.4f}]"


@dataclass(frozen=True, slots=True)
class Ranked:
    """A score prepared for many weightings of the same rows: `order` from the highest score on, `ends` the last place
    of each group of equal scores."""

    order: npt.NDArray[np.intp]
    ends: npt.NDArray[np.intp]

    @staticmethod
    def of(score: Floats) -> Ranked:
        order = np.argsort(-score, kind="stable")
        ranked = score[order]
        ends = np.flatnonzero(np.append(ranked[1:] != ranked[:-1], True))
        return Ranked(order, ends)

    def auc_and_precision(self, positive: Floats, negative: Floats) -> tuple[float, float]:
        """Area under the ROC curve (ties half) and average precision under these weights of the rows."""
        true = np.cumsum(positive[self.order])[self.ends]
        false = np.cumsum(negative[self.order])[self.ends]
        recall = np.concatenate([[0.0], true / true[-1]])
        fallout = np.concatenate([[0.0], false / false[-1]])
        precision = true / np.maximum(true + false, 1e-300)
        return float(np.trapezoid(recall, fallout)), float(np.sum(np.diff(recall) * precision))


def replicates(label: Floats, count: int, seed: int) -> Iterator[Floats]:
    """`count` bootstrap samples, each as how often every row is in it: frauds and genuine payments drawn apart."""
    rng = np.random.default_rng(seed)
    classes = [np.flatnonzero(label == value) for value in (0.0, 1.0)]
    for _ in range(count):
        drawn = np.zeros(len(label))
        for rows in classes:
            drawn[rows] = np.bincount(rng.integers(0, len(rows), len(rows)), minlength=len(rows))
        yield drawn


def percentile(estimate: float, found: Floats, confidence: float) -> Interval:
    tail = (1 - confidence) / 2
    low, high = np.quantile(found, [tail, 1 - tail])
    return Interval(estimate, float(low), float(high))


def wilson(rate: float, size: float, confidence: float) -> Interval:
    """Of one rate over `size` (effective) observations (Wilson 1927)."""
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    middle = (rate + z * z / (2 * size)) / (1 + z * z / size)
    half = z * math.sqrt(rate * (1 - rate) / size + z * z / (4 * size * size)) / (1 + z * z / size)
    return Interval(rate, max(middle - half, 0.0), min(middle + half, 1.0))


def rate_difference(first: Interval, second: Interval) -> Interval:
    """Of `first` minus `second`, from the Wilson intervals of both (Newcombe's method 10)."""
    difference = first.estimate - second.estimate
    below = math.hypot(first.estimate - first.low, second.high - second.estimate)
    above = math.hypot(first.high - first.estimate, second.estimate - second.low)
    return Interval(difference, difference - below, difference + above)


def effective_size(weight: Floats) -> float:
    """How many equally weighted observations say as much (Kish 1965)."""
    total = float(weight.sum())
    return total * total / float((weight * weight).sum()) if total else 0.0
