"""When two values of a feature are the same: to the parity monitor, and to a backfill."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pyarrow as pa
import pytest

from platform_core.features.history import differing
from platform_core.monitoring import agreement
from tests.fakes.offline_store import FakeOfflineStore
from tests.fakes.velocity import NOW, TIMESTAMP


@pytest.mark.parametrize(
    ("function", "same"), [("count", True), ("approx_distinct", True), ("sum", False), ("mean", False), ("last", False)]
)
def test_zero_is_nothing_only_where_nothing_is_counted(function: str, same: bool) -> None:
    compared = agreement._same  # pyright: ignore[reportPrivateUsage]
    assert compared(function, 0.0, None) is compared(function, None, 0.0) is same
    assert compared(function, None, None)


@pytest.mark.parametrize(
    ("there", "computed", "written"),
    [
        (1e-12, 2e-12, True),
        (1e-12, 1e-12 * (1 + 1e-12), False),
        (1e12, 1e12 * (1 + 1e-12), False),
        (1e12, 1e12 * (1 + 1e-6), True),
        (0.0, 5e-324, False),
        (0.0, 1e-300, True),
    ],
)
def test_a_small_value_that_changed_is_another(there: float, computed: float, written: bool) -> None:
    def rows(value: float) -> pa.Table:
        times: Any = pa.array([NOW], TIMESTAMP)
        return pa.table({"tenant": ["br"], "key": ["c1"], "event_ts": times, "created_ts": times, "risk": [value]})

    offline: Any = FakeOfflineStore({"features_v": rows(there)})
    found = differing(offline, "v", rows(computed), NOW - timedelta(hours=1), NOW + timedelta(hours=1))
    assert bool(found.num_rows) is written
