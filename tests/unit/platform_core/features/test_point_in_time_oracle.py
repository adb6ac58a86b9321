"""The point-in-time join against an oracle that is too simple to be wrong. VIGIA_FUZZ_CASES makes it thousands."""

from __future__ import annotations

import os

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from platform_core.features.historical import get_historical_features
from tests.fakes.point_in_time import check, random_case, written_until

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


def test_what_is_written_later_does_not_change_what_was_known() -> None:
    changed = 0
    for seed in range(60):
        case = random_case(seed)
        if not case.moments:
            continue
        before = written_until(case, sorted(case.moments)[len(case.moments) // 2])
        for as_of in ("created", "event"):
            then, now = (
                get_historical_features(store, case.catalog, "all", case.entity_rows, as_of=as_of, statuses=True)
                for store in (before.store, case.store)
            )
            past = pa.array([moment <= before.moments[0] for moment in case.moments])
            if as_of == "created":
                assert then.filter(past).equals(now.filter(past)), f"case {seed}"
            else:
                changed += not then.filter(past).equals(now.filter(past))
    assert changed, "no case in which a correction came later"
