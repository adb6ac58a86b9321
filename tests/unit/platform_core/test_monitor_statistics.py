"""The statistics against closed forms and textbook values."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from platform_core.monitoring.shares import psi
from platform_core.monitoring.statistics import (
    Bins,
    binomial_tail,
    chi_square_p,
    chi_square_tail,
    dispersion,
    poisson_lower_tail,
    small_sample_psi,
)


def test_psi_of_known_shares() -> None:
    reference, current = np.array([0.5, 0.5]), np.array([0.25, 0.75])
    assert psi(reference, current) == pytest.approx(0.25 * math.log(2) + 0.25 * math.log(1.5))
    assert psi(reference, reference) == 0


def test_an_empty_share_counts_as_one_in_ten_thousand() -> None:
    assert psi(np.array([0.5, 0.5]), np.array([0.0, 1.0])) == pytest.approx(
        (0.5 - 1e-4) * math.log(0.5 / 1e-4) + 0.5 * math.log(2)
    )


def test_small_samples_of_the_reference_average_near_zero() -> None:
    rng = np.random.default_rng(1)
    bins = Bins.of(rng.lognormal(3, 1, 20_000))
    values = [small_sample_psi(bins, bins.counts(rng.lognormal(3, 1, 60))) for _ in range(300)]
    assert np.mean(values) < 0.06
    assert np.quantile(values, 0.99) < 0.25


def test_bins_do_not_change_under_a_common_scale() -> None:
    values = np.random.default_rng(2).lognormal(3, 1, 5_000)
    scaled = Bins.of(values * 100)
    assert np.array_equal(Bins.of(values).counts(values[:200]), scaled.counts(values[:200] * 100))


def test_bins_leave_nulls_out() -> None:
    bins = Bins.of(np.array([1.0, 2.0, 3.0, 4.0, np.nan]), 2)
    assert bins.size == 4
    assert bins.counts(np.array([0.0, 9.0, np.nan])).tolist() == [1, 1]


@pytest.mark.parametrize(("statistic", "degrees", "p"), [(16.92, 9, 0.05), (21.67, 9, 0.01), (3.84, 1, 0.05)])
def test_chi_square_tail_agrees_with_tables(statistic: float, degrees: int, p: float) -> None:
    assert chi_square_tail(statistic, degrees) == pytest.approx(p, rel=0.06)


def test_chi_square_of_the_expected_counts_is_one() -> None:
    bins = Bins.of(np.arange(1000.0))
    assert chi_square_p(bins, np.full(10, 7)) == pytest.approx(1.0)


@given(trials=st.integers(1, 300), successes=st.integers(0, 300), rate=st.floats(0.001, 0.5))
def test_binomial_tail_is_a_tail(trials: int, successes: int, rate: float) -> None:
    successes = min(successes, trials)
    tail = binomial_tail(successes, trials, rate)
    assert 0 <= tail <= 1
    assert tail + 1e-12 >= binomial_tail(successes + 1, trials, rate)


def test_binomial_tail_of_small_cases() -> None:
    assert binomial_tail(1, 1, 0.3) == pytest.approx(0.3)
    assert binomial_tail(2, 3, 0.5) == pytest.approx(0.5)
    assert binomial_tail(0, 10, 0.5) == 1.0
    assert binomial_tail(3, 10, 0.0) == 0.0


@given(expected=st.floats(1, 200), count=st.integers(0, 300))
def test_the_poisson_bound_is_never_below_the_truth(expected: float, count: int) -> None:
    terms = (math.exp(-expected + k * math.log(expected) - math.lgamma(k + 1)) for k in range(count + 1))
    assert poisson_lower_tail(count, expected) >= min(math.fsum(terms), 1.0) - 1e-9


def test_dispersion_is_one_for_independent_trials_and_more_for_bursts() -> None:
    rng = np.random.default_rng(3)
    trials = np.full(400, 60.0)
    assert dispersion(rng.binomial(60, 0.02, 400).astype(float), trials) == pytest.approx(1.0, abs=0.25)
    assert dispersion(rng.binomial(20, 0.02, 400).astype(float) * 3, trials) > 2
    assert dispersion(np.zeros(400), trials) == 1.0


@pytest.mark.parametrize(("before", "after"), [(0.05, 0.8), (0.95, 0.05), (0.08, 1.0), (0.003, 0.2), (0.05, 0.3)])
def test_a_flag_that_moves_is_seen_both_ways(before: float, after: float) -> None:
    rng = np.random.default_rng(4)
    for was, becomes in ((before, after), (after, before)):
        bins = Bins.of((rng.random(8000) < was).astype(float))
        same, moved = (bins.counts((rng.random(600) < p).astype(float)) for p in (was, becomes))
        assert small_sample_psi(bins, same) < 0.05
        assert small_sample_psi(bins, moved) > 0.25
        assert chi_square_p(bins, same) > 1e-3
        assert chi_square_p(bins, moved) < 1e-9


def test_a_count_that_is_mostly_zero_is_seen_to_move() -> None:
    rng = np.random.default_rng(5)

    def counts(zeros: float, size: int) -> npt.NDArray[np.float64]:
        return np.where(rng.random(size) < zeros, 0.0, rng.integers(1, 200, size).astype(float))

    bins = Bins.of(counts(0.95, 8000))
    assert len(bins.shares) == 2
    assert small_sample_psi(bins, bins.counts(counts(0.95, 600))) < 0.05
    assert small_sample_psi(bins, bins.counts(counts(0.2, 600))) > 0.25
    half = Bins.of(counts(0.5, 8000))
    assert half.shares[0] == pytest.approx(0.5, abs=0.02)


def test_values_without_atoms_fall_in_deciles() -> None:
    assert Bins.of(np.arange(1000.0)).shares.tolist() == [0.1] * 10


def test_few_values_have_a_bin_each_and_one_that_is_new_the_nearest() -> None:
    bins = Bins.of(np.repeat([0.0, 1.0, 5.0], [900, 60, 40]))
    assert bins.shares.tolist() == [0.9, 0.06, 0.04]
    assert bins.counts(np.array([0.0, 1.0, 2.0, 5.0, 9.0])).tolist() == [1, 2, 2]
