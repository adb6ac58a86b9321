"""The point-in-time join against an oracle that is too simple to be wrong. VIGIA_FUZZ_CASES makes it thousands."""

from __future__ import annotations

import os

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from platform_core.features.historical import get_historical_features
from tests.fakes.point_in_time import check, random_case

CASES = int(os.environ.get("VIGIA_FUZZ_CASES", "1024"))
LOTS = 8


@pytest.mark.parametrize("lot", range(LOTS))
def test_equals_the_oracle(lot: int) -> None:
    for seed in range(lot, CASES, LOTS):
        try:
            check(random_case(seed), get_historical_features)
        except AssertionError as error:
            raise AssertionError(f"case {seed}: {error}") from error


@settings(max_examples=50, deadline=None)
@given(seed=st.integers(CASES, 1 << 60))
def test_equals_the_oracle_where_nobody_looked_yet(seed: int) -> None:
    check(random_case(seed), get_historical_features)
