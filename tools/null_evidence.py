"""How much the nulls of a column say of a burst of them: exact, by the binomial likelihood, on any number of rows."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

EXCESS = 0.05
"""A burst is at least five points over the promise, as for the monitor."""
STRAY = 0.001
"""No source keeps a promise of zero for ever: the rate that a promise is never read below."""
MOST_STARTS = 64
"""Of a burst that began somewhere among many rows, so many beginnings are looked at."""


@dataclass(frozen=True, slots=True)
class NullEvidence:
    """`nats`: weight of evidence for a burst. `nulls` of `rows` are null since it most likely began."""

    nats: float
    nulls: int
    rows: int

    @property
    def rate(self) -> float:
        return self.nulls / self.rows if self.rows else 0.0


def null_evidence(flags: npt.NDArray[np.bool_], promise: float) -> NullEvidence:
    """Weigh `flags` (null or not, in order of event time) against the promised rate.

    Two hypotheses are compared by their likelihoods: every row is null with the promised rate; or the rows from some
    one on are null with a rate anywhere above the promise plus five points, both unknown and averaged over (a Bayes
    factor; Kass and Raftery 1995). Few rows therefore say little and many say much; that the burst has only begun
    dilutes nothing.
    """
    n = flags.size
    if n == 0:
        return NullEvidence(0.0, 0, 0)
    starts = np.unique(np.linspace(0, n - 1, min(n, MOST_STARTS)).astype(np.int64))
    after = n - starts
    hits = np.cumsum(flags[::-1])[after - 1]
    logs = np.array([_log_bayes_factor(int(k), int(m), promise) for k, m in zip(hits, after, strict=True)])
    best = int(np.argmax(logs))
    nats = mean_nats(logs)
    return NullEvidence(nats, int(hits[best]), int(after[best])) if nats > 0 else NullEvidence(nats, int(hits[0]), n)


def mean_nats(nats: npt.NDArray[np.float64] | list[float]) -> float:
    """Weight of evidence that one of several equally likely things is so, from the weights for each: ln of the mean."""
    values = np.asarray(nats, dtype=np.float64)
    highest = float(values.max())
    return highest + math.log(float(np.mean(np.exp(values - highest))))


def _log_bayes_factor(hits: int, rows: int, promise: float) -> float:
    """ln of the binomial likelihood averaged over rates uniform in (promise + EXCESS, 1) over that at the promise.

    The integral of r^k (1 - r)^(n - k) above a bound is the beta function times P(X <= k), X ~ Binomial(n + 1, bound).
    """
    rate = min(max(promise, STRAY), 0.99)
    bound = min(rate + EXCESS, (1 + rate) / 2)
    beta = math.lgamma(hits + 1) + math.lgamma(rows - hits + 1) - math.lgamma(rows + 2)
    burst = beta + _log_lower_tail(hits, rows + 1, bound) - math.log1p(-bound)
    return burst - hits * math.log(rate) - (rows - hits) * math.log1p(-rate)


def _log_lower_tail(count: int, trials: int, rate: float) -> float:
    """ln P(X <= count) for X ~ Binomial(trials, rate), summed exactly."""
    terms = np.empty(count + 1)
    # term by term: P(j + 1) / P(j) = (trials - j) / (j + 1) * rate / (1 - rate)
    terms[0] = trials * math.log1p(-rate)
    j = np.arange(count)
    terms[1:] = terms[0] + np.cumsum(np.log((trials - j) / (j + 1)) + math.log(rate) - math.log1p(-rate))
    highest = float(terms.max())
    return min(highest + math.log(float(np.exp(terms - highest).sum())), 0.0)
