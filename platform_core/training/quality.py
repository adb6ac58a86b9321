"""How good a model was on the rows it was judged on: overall, by segment, and whether its scores are probabilities."""

from __future__ import annotations

from foundation.frozen import Frozen


class ReliabilityBin(Frozen):
    """Rows whose scores lie in [lower, upper]. `weight` is their share of all."""

    lower: float
    upper: float
    mean_score: float
    fraud_rate: float
    weight: float


class Calibration(Frozen):
    """`ece`: expected calibration error, the mean distance between score and rate over bins of equal weight (Naeini et
    al., 2015, with equal weight because fraud scores crowd near zero). `brier`: mean squared error of the score."""

    ece: float
    brier: float
    bins: tuple[ReliabilityBin, ...]


class SegmentQuality(Frozen):
    """Of the rows of one value of a segment, at the one threshold of the model; None where a class is missing."""

    segment: str
    value: str
    rows: int
    frauds: int
    fraud_rate: float
    decline_rate: float
    auc: float | None
    recall: float | None
    precision: float | None
    ece: float


class Quality(Frozen):
    """`metrics` are those of `metrics.py`, weighted so that they stand for all payments."""

    threshold: float
    metrics: dict[str, float]
    calibration: Calibration
    segments: tuple[SegmentQuality, ...] = ()
