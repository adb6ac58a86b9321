"""Confidence sequences: intervals that hold at every moment at once, so that looking often proves nothing by itself.

An ordinary interval is right with probability 1 - alpha at one moment that was fixed beforehand. Who looks every half
minute and stops when it looks bad is fooled in the end with certainty. The intervals here contain the truth at *all*
sample sizes simultaneously with probability 1 - alpha.

- A share of independent yes/no observations: the mixture of binomial likelihoods over a Beta(1/2, 1/2) prior is a
  martingale at the truth; by Ville's inequality it stays under 1/alpha (Robbins 1970; for A/B tests Johari, Pekelis,
  Walsh 2015 and Lindon & Malek 2022).
- A mean of observations in [0, 1]: the predictable plug-in empirical Bernstein sequence, theorem 2 of Waudby-Smith &
  Ramdas, "Estimating means of bounded random variables by betting" (JRSS B 2024).
- A whole distribution: sup |F_n - F| <= 0.85 sqrt((log log(e n) + 0.8 log(1612 / alpha)) / n) for all n at once
  (Howard & Ramdas, "Sequential estimation of quantiles", Bernoulli 2022).

They assume observations that are independent given what came before, with a mean that does not move. A card that is
tried again and again breaks that: `observations` therefore counts an entity once an hour.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
_PRIOR = 0.5
_LARGEST_BET = 0.5


class Interval(NamedTuple):
    low: float
    high: float


EVERYTHING = Interval(0.0, 1.0)


@dataclass
class Share:
    """Yes and no, counted."""

    yes: float = 0.0
    count: int = 0

    def add(self, values: Floats) -> None:
        self.yes += float(values.sum())
        self.count += len(values)

    @property
    def mean(self) -> float | None:
        return self.yes / self.count if self.count else None

    def interval(self, alpha: float) -> Interval:
        """All shares that the mixture has not ruled out. The set is an interval: the log likelihood is concave."""
        if self.count == 0:
            return EVERYTHING
        yes, no = self.yes, self.count - self.yes
        bound = math.log(1 / alpha) - _log_beta(yes + _PRIOR, no + _PRIOR) + _log_beta(_PRIOR, _PRIOR)

        def ruled_out(share: float) -> bool:
            return -(_xlogy(yes, share) + _xlogy(no, 1 - share)) > bound

        best = yes / self.count
        return Interval(_edge(ruled_out, 0.0, best), _edge(ruled_out, 1.0, best))


@dataclass
class Mean:
    """Observations in [0, 1], in the order in which they came; keeps five numbers."""

    alpha: float
    count: int = 0
    total: float = 0.0
    _squares: float = 0.25
    _weights: float = 0.0
    _weighted: float = 0.0
    _spent: float = 0.0

    def add(self, values: Floats) -> None:
        for value in values.tolist():
            before = (0.5 + self.total) / (self.count + 1)
            number = self.count + 1
            variance = self._squares / number
            bet = min(
                _LARGEST_BET, math.sqrt(2 * math.log(2 / self.alpha) / (variance * number * math.log(1 + number)))
            )
            self._weights += bet
            self._weighted += bet * value
            self._spent += 4 * (value - before) ** 2 * (-math.log1p(-bet) - bet) / 4
            self.count, self.total = number, self.total + value
            self._squares += (value - (0.5 + self.total) / (number + 1)) ** 2

    @property
    def mean(self) -> float | None:
        return self.total / self.count if self.count else None

    def interval(self) -> Interval:
        if self.count == 0:
            return EVERYTHING
        centre = self._weighted / self._weights
        radius = (math.log(2 / self.alpha) + self._spent) / self._weights
        return Interval(max(0.0, centre - radius), min(1.0, centre + radius))


@dataclass
class Distribution:
    """Values in [0, 1] by how many lie under each of `bins` even steps: the distance of two of these is never larger
    than that of the distributions, and smaller by no more than one step holds."""

    bins: int = 512
    count: int = 0
    counts: npt.NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, np.int64))

    def add(self, values: Floats) -> None:
        found = np.bincount(np.clip((values * self.bins).astype(np.int64), 0, self.bins - 1), minlength=self.bins)
        self.counts = found if self.count == 0 else self.counts + found
        self.count += len(values)

    def radius(self, alpha: float) -> float:
        """How far the true distribution may lie from this one, at any moment."""
        if self.count == 0:
            return 1.0
        n = self.count
        return min(1.0, 0.85 * math.sqrt((math.log(math.log(math.e * n)) + 0.8 * math.log(1612 / alpha)) / n))

    def distance(self, other: Distribution) -> float | None:
        """Kolmogorov-Smirnov; None while one of them is empty."""
        if self.count == 0 or other.count == 0:
            return None
        return float(np.abs(np.cumsum(self.counts) / self.count - np.cumsum(other.counts) / other.count).max())


def difference(candidate: Interval, champion: Interval) -> Interval:
    """Of two means, each in its interval with probability 1 - alpha / 2: together with 1 - alpha."""
    return Interval(candidate.low - champion.high, candidate.high - champion.low)


def _log_beta(a: float, b: float) -> float:
    return math.lgamma(a) + math.lgamma(b) - math.lgamma(a + b)


def _xlogy(x: float, y: float) -> float:
    if x == 0:
        return 0.0
    return x * math.log(y) if y > 0 else -math.inf


def _edge(ruled_out: Callable[[float], bool], far: float, best: float) -> float:
    """Between `far` and `best` the point from which on nothing is ruled out, to 1e-9, on the far side of it."""
    if not ruled_out(far):
        return far
    outside, inside = far, best
    while abs(outside - inside) > 1e-9:
        middle = (outside + inside) / 2
        if ruled_out(middle):
            outside = middle
        else:
            inside = middle
    return outside
