"""Weighted metrics of a binary score, by their textbook definitions."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


def roc_auc(label: Floats, score: Floats, weight: Floats) -> float:
    """Area under the ROC curve by the trapezoidal rule; ties count half. NaN when a class is absent."""
    true, false = _cumulative(label, score, weight)
    if true[-1] == 0 or false[-1] == 0:
        return float("nan")
    return float(np.trapezoid(true / true[-1], false / false[-1]))


def average_precision(label: Floats, score: Floats, weight: Floats) -> float:
    """Sum over thresholds of (R_n - R_{n-1}) P_n, without interpolation. NaN when there is no positive."""
    true, false = _cumulative(label, score, weight)
    if true[-1] == 0:
        return float("nan")
    precision = true[1:] / (true[1:] + false[1:])
    return float(np.sum(np.diff(true / true[-1]) * precision))


def cheapest_threshold(label: Floats, score: Floats, weight: Floats, *, missed_to_declined: float) -> float:
    """The score from which on to decline, so that total cost is least on these rows.

    A missed fraud costs `missed_to_declined` times as much as a genuine payment declined. Half-way between the two
    neighbouring scores, and within (0, 1).
    """
    true, false = _cumulative(label, score, weight)
    cost = (true[-1] - true) * missed_to_declined + false
    best = int(np.argmin(cost))
    distinct = np.unique(score)[::-1]
    upper = distinct[best - 1] if best > 0 else 1.0
    lower = distinct[best] if best < len(distinct) else 0.0
    return float(np.clip((upper + lower) / 2, 1e-6, 1 - 1e-6))


def decline_rate(score: Floats, weight: Floats, threshold: float) -> float:
    return float(weight[score >= threshold].sum() / weight.sum())


def _cumulative(label: Floats, score: Floats, weight: Floats) -> tuple[Floats, Floats]:
    """Weight of positives and of negatives at or above each distinct score, from the highest on, starting at zero."""
    distinct, index = np.unique(score, return_inverse=True)
    true = np.bincount(index, weight * label, len(distinct))[::-1]
    false = np.bincount(index, weight * (1 - label), len(distinct))[::-1]
    return np.concatenate([[0.0], np.cumsum(true)]), np.concatenate([[0.0], np.cumsum(false)])
