"""Judging a model on rows it has not seen."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from platform_core.training.metrics import Floats, average_precision, cheapest_threshold, decline_rate, roc_auc
from platform_core.training.plan import Costs
from platform_core.training.quality import Calibration, Quality, ReliabilityBin, SegmentQuality

_BINS = 10
_DIGITS = 6


class Scored(NamedTuple):
    """What was so, what was said, and how many payments each row stands for."""

    label: Floats
    score: Floats
    weight: Floats


Texts = npt.NDArray[np.str_]


def judge(label: Floats, score: Floats, weight: Floats, *, costs: Costs, segments: Mapping[str, Texts]) -> Quality:
    """`segments` has each row's value by segment. The threshold is the cheapest on these rows."""
    threshold = cheapest_threshold(label, score, weight, missed_to_declined=costs.missed / costs.declined)
    per_1000 = 1000 / float(weight.sum())
    metrics = {
        "auc": roc_auc(label, score, weight),
        "average_precision": average_precision(label, score, weight),
        "decline_rate": decline_rate(score, weight, threshold),
        "fraud_rate": _share(weight * label, weight),
        "recall": _share((weight * label)[score >= threshold], weight * label),
        "precision": _share((weight * label)[score >= threshold], weight[score >= threshold]),
        "cost_per_1000": _cost(label, score, weight, threshold, costs) * per_1000,
        "cost_per_1000_approving_all": _cost(label, score, weight, np.inf, costs) * per_1000,
    }
    calibration = calibrate(label, score, weight)
    parts = [
        _segment(name, str(value), Scored(label[rows], score[rows], weight[rows]), threshold)
        for name, values in segments.items()
        for value in np.unique(values)
        if (rows := values == value).any()
    ]
    return Quality(
        threshold=round(threshold, _DIGITS),
        metrics={name: round(value, _DIGITS) for name, value in metrics.items()}
        | {"ece": calibration.ece, "brier": calibration.brier},
        calibration=calibration,
        segments=tuple(parts),
    )


def calibrate(label: Floats, score: Floats, weight: Floats, bins: int = _BINS) -> Calibration:
    """Bins of equal weight by score; rows of equal score share a bin."""
    distinct, index = np.unique(score, return_inverse=True)
    mass = np.cumsum(np.bincount(index, weight, len(distinct)))
    # The bin of a score is that of the middle of its mass: a score that many rows share has one bin.
    middle = mass - np.bincount(index, weight, len(distinct)) / 2
    of_score = np.minimum((middle / mass[-1] * bins).astype(np.int64), bins - 1)
    of_row = of_score[index]
    found: list[ReliabilityBin] = []
    error = 0.0
    for number in np.unique(of_row):
        rows = of_row == number
        share = float(weight[rows].sum() / weight.sum())
        mean, rate = _share((weight * score)[rows], weight[rows]), _share((weight * label)[rows], weight[rows])
        error += share * abs(mean - rate)
        found.append(
            ReliabilityBin(
                lower=round(float(score[rows].min()), _DIGITS),
                upper=round(float(score[rows].max()), _DIGITS),
                mean_score=round(mean, _DIGITS),
                fraud_rate=round(rate, _DIGITS),
                weight=round(share, _DIGITS),
            )
        )
    brier = _share(weight * (score - label) ** 2, weight)
    return Calibration(ece=round(error, _DIGITS), brier=round(brier, _DIGITS), bins=tuple(found))


def _segment(name: str, value: str, scored: Scored, threshold: float) -> SegmentQuality:
    label, score, weight = scored
    declined = score >= threshold
    frauds = int(label.sum())
    both = 0 < frauds < len(label)
    return SegmentQuality(
        segment=name,
        value=value,
        rows=len(label),
        frauds=frauds,
        fraud_rate=round(_share(weight * label, weight), _DIGITS),
        decline_rate=round(decline_rate(score, weight, threshold), _DIGITS),
        auc=round(roc_auc(label, score, weight), _DIGITS) if both else None,
        recall=round(_share((weight * label)[declined], weight * label), _DIGITS) if frauds else None,
        precision=round(_share((weight * label)[declined], weight[declined]), _DIGITS) if declined.any() else None,
        ece=calibrate(label, score, weight).ece,
    )


def _cost(label: Floats, score: Floats, weight: Floats, threshold: float, costs: Costs) -> float:
    declined = score >= threshold
    missed = float((weight * label)[~declined].sum())
    turned_away = float((weight * (1 - label))[declined].sum())
    return missed * costs.missed + turned_away * costs.declined


def _share(part: Floats, whole: Floats) -> float:
    return float(part.sum() / max(float(whole.sum()), 1e-12))
