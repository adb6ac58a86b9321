"""The statistics behind the figures, on samples whose truth is known."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tools.statistics import (
    change_point,
    normal_quantile,
    proportion_z,
    psi,
    rate_change_point,
    shape_distance,
    unit_factor,
)

RNG = np.random.default_rng(3)


def _amounts(count: int, *, level: float = 3.5, sigma: float = 0.9) -> np.ndarray:
    return np.exp(RNG.normal(level, sigma, count))


@pytest.mark.parametrize(("before", "after"), [(1000, 40), (2000, 25), (300, 300), (60, 900)])
def test_a_change_of_unit_is_found_where_it_is(before: int, after: int) -> None:
    values = np.concatenate([_amounts(before), _amounts(after) * 100])
    found = change_point(values)
    assert found is not None
    assert abs(found.index - before) <= 2
    assert found.p < 1e-6


def test_noise_is_not_a_change() -> None:
    found = [change_point(_amounts(400)) for _ in range(200)]
    assert sum(point is not None and point.p < 0.01 for point in found) <= 4


def test_a_null_burst_is_found() -> None:
    flags = np.concatenate([np.zeros(500), (RNG.random(60) < 0.35).astype(float)])
    found = rate_change_point(flags)
    assert found is not None
    assert 495 <= found.index <= 515
    assert found.p < 1e-6


def test_too_few_or_constant_values_have_no_change() -> None:
    assert change_point(np.ones(100)) is None
    assert change_point(_amounts(10)) is None
    assert rate_change_point(np.zeros(100)) is None


@settings(deadline=None)
@given(st.integers(-3, 3).filter(bool), st.floats(-0.1, 0.1))
def test_powers_of_ten_are_units(exponent: int, error: float) -> None:
    assert unit_factor(exponent * math.log(10) + error, 0.05) == pytest.approx(10.0**exponent)


@pytest.mark.parametrize("ratio", [1.0, 1.7, 2.5, 0.4, 45.0, 310.0])
def test_other_ratios_are_not(ratio: float) -> None:
    assert unit_factor(math.log(ratio), 0.08) is None


def test_a_unit_keeps_the_shape_and_a_wider_population_does_not() -> None:
    usual = np.log(_amounts(2000))
    same, noise = shape_distance(usual, np.log(_amounts(400) * 100))
    assert same <= noise
    wider, noise = shape_distance(usual, np.log(_amounts(400, sigma=1.6)))
    assert wider > noise


def test_psi_of_the_same_population_is_its_noise() -> None:
    values = [psi(_amounts(3000), _amounts(60)) for _ in range(40)]
    mean, noise = np.mean([v for v, _ in values]), values[0][1]
    assert mean == pytest.approx(noise, rel=0.8)
    moved, _ = psi(_amounts(3000), _amounts(200, level=4.5))
    assert moved > 0.5


def test_a_rate_against_a_baseline_without_hits_is_weak_evidence() -> None:
    z = proportion_z(1, 20, 0, 20)
    assert z is not None
    assert z < 1.5
    assert proportion_z(0, 0, 5, 10) is None


@settings(max_examples=50, deadline=None)
@given(st.floats(0.002, 0.998))
def test_the_normal_quantile_is_close_enough(p: float) -> None:
    x = float(normal_quantile(np.array([p]))[0])
    assert 0.5 * math.erfc(-x / math.sqrt(2)) == pytest.approx(p, abs=2e-3)
