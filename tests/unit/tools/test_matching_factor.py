"""A unit is told from rows, not from medians."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tools.observe.request_agreement import matching_factor
from tools.reading import Floats


def amounts(seed: int, rows: int) -> Floats:
    """Payments in cents precision, with the heavy tail that makes medians of a dozen useless."""
    return np.round(np.random.default_rng(seed).lognormal(3.8, 1.3, rows), 2)


@given(seed=st.integers(0, 10_000), rows=st.integers(12, 60), exponent=st.sampled_from([1, 2, 3, -1, -2]))
def test_the_factor_is_found_whatever_the_sample(seed: int, rows: int, exponent: int) -> None:
    paid = amounts(seed, rows)
    late = paid[: rows - 1]  # some requests have no row yet
    factor, share = matching_factor(late * 10.0**exponent, paid)
    assert factor == 10.0**exponent
    assert share == 1.0


@given(seed=st.integers(0, 10_000), rows=st.integers(12, 60), ratio=st.floats(1.2, 8))
def test_another_ratio_is_no_unit(seed: int, rows: int, ratio: float) -> None:
    paid = amounts(seed, rows)
    assert matching_factor(paid * ratio, paid)[0] is None
    assert matching_factor(paid, paid)[0] is None


def test_nothing_to_compare_is_no_unit() -> None:
    assert matching_factor(np.array([]), amounts(1, 20)) == (None, 0.0)
    assert matching_factor(amounts(1, 20), np.array([])) == (None, 0.0)
