"""Figures of a model on labelled rows, each with a 95 % interval by a closed formula.

- AUC: Hanley & McNeil, "The meaning and use of the area under a ROC curve" (Radiology 1982).
- Average precision: the logit interval of Boyd, Eng & Page, "Area under the precision-recall curve" (ECML 2013).
- Precision and recall: Wilson's score interval (JASA 1927).
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from foundation.frozen import Frozen
from platform_core.training.metrics import average_precision, roc_auc

Floats = npt.NDArray[np.float64]
_Z = 1.959964


class Estimate(Frozen):
    """`low` and `high` enclose the true value with about 95 %."""

    value: float
    low: float
    high: float


def auc(label: Floats, score: Floats, weight: Floats) -> Estimate | None:
    """None when a class is absent."""
    positive, negative = int(label.sum()), int((1 - label).sum())
    if positive == 0 or negative == 0:
        return None
    area = roc_auc(label, score, weight)
    q1, q2 = area / (2 - area), 2 * area**2 / (1 + area)
    variance = area * (1 - area) + (positive - 1) * (q1 - area**2) + (negative - 1) * (q2 - area**2)
    error = _Z * math.sqrt(max(variance, 0.0) / (positive * negative))
    return Estimate(value=area, low=max(0.0, area - error), high=min(1.0, area + error))


def precision_average(label: Floats, score: Floats, weight: Floats) -> Estimate | None:
    """Average precision; None when there is no positive."""
    positive = int(label.sum())
    if positive == 0:
        return None
    area = average_precision(label, score, weight)
    if not 0 < area < 1:
        return Estimate(value=area, low=area, high=area)
    centre, spread = math.log(area / (1 - area)), _Z / math.sqrt(positive * area * (1 - area))
    return Estimate(value=area, low=_logistic(centre - spread), high=_logistic(centre + spread))


def share(hits: float, of: float) -> Estimate | None:
    """None of nothing."""
    if of <= 0:
        return None
    p, z2 = hits / of, _Z**2
    centre = (p + z2 / (2 * of)) / (1 + z2 / of)
    spread = _Z / (1 + z2 / of) * math.sqrt(p * (1 - p) / of + z2 / (4 * of**2))
    return Estimate(value=p, low=max(0.0, centre - spread), high=min(1.0, centre + spread))


def _logistic(value: float) -> float:
    return 1 / (1 + math.exp(-value)) if value > -700 else 0.0
