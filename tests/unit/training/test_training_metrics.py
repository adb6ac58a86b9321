from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from platform_core.training.metrics import average_precision, cheapest_threshold, decline_rate, roc_auc

ROWS = st.lists(
    st.tuples(st.sampled_from([0.0, 1.0]), st.integers(0, 6).map(lambda n: n / 6), st.sampled_from([0.5, 1.0, 3.0])),
    min_size=1,
    max_size=30,
)


@given(ROWS)
def test_auc_is_the_chance_that_a_positive_scores_higher(rows: list[tuple[float, float, float]]):
    label, score, weight = (np.array(column) for column in zip(*rows, strict=True))
    pairs = [
        (wp * wn, 1.0 if sp > sn else 0.5 if sp == sn else 0.0)
        for (lp, sp, wp), (ln, sn, wn) in itertools.product(rows, rows)
        if lp == 1 and ln == 0
    ]
    if not pairs:
        assert math.isnan(roc_auc(label, score, weight))
        return
    expected = sum(w * won for w, won in pairs) / sum(w for w, _ in pairs)
    assert roc_auc(label, score, weight) == pytest.approx(expected)


@given(ROWS)
def test_no_threshold_is_cheaper(rows: list[tuple[float, float, float]]):
    label, score, weight = (np.array(column) for column in zip(*rows, strict=True))

    def cost(threshold: float) -> float:
        declined = score >= threshold
        return float(5 * (weight * label)[~declined].sum() + (weight * (1 - label))[declined].sum())

    threshold = cheapest_threshold(label, score, weight, missed_to_declined=5)
    others = [(n - 0.5) / 6 for n in range(1, 7)]
    assert 0 < threshold < 1
    if not {0.0, 1.0} & set(score):  # a score of exactly 0 or 1 cannot be put on the other side of (0, 1)
        assert cost(threshold) <= min(cost(other) for other in others) + 1e-9


def test_average_precision_of_a_worked_example():
    label, score, weight = np.array([1.0, 0.0, 1.0]), np.array([0.9, 0.8, 0.1]), np.ones(3)
    assert average_precision(label, score, weight) == pytest.approx(0.5 * 1 + 0.5 * 2 / 3)
    assert math.isnan(average_precision(np.zeros(3), score, weight))
    assert decline_rate(score, np.array([1.0, 1.0, 2.0]), 0.8) == 0.5
