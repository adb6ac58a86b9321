"""What a feature may be, and what is refused with its reason."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from foundation.errors import InvalidInput
from platform_core.features.values import checked, common_dtype, dtype_of, microseconds, moment

T = datetime(2026, 11, 19, 5, 40, 0, 123456, tzinfo=UTC)


@pytest.mark.parametrize(
    ("value", "dtype"),
    [(None, None), (True, "bool"), (7, "int64"), (0.5, "float64"), ("x", "string"), (T, "timestamp")],
)
def test_the_dtype_of_a_value(value: Any, dtype: str | None) -> None:
    assert dtype_of(value) == dtype


def test_one_dtype_for_a_column() -> None:
    assert common_dtype([None, 1, 2.5]) == "float64"
    assert common_dtype([1, None]) == "int64"
    assert common_dtype([None]) == "float64"
    with pytest.raises(InvalidInput, match="float64, string"):
        common_dtype([1.0, "x"])


def test_whole_numbers_become_floats_where_floats_are_kept() -> None:
    assert repr(checked(3, "float64")) == "3.0"
    assert checked(None, "string") is None


@pytest.mark.parametrize(
    ("value", "dtype", "said"),
    [
        (float("nan"), "float64", "finite"),
        (float("inf"), "float64", "null"),
        (True, "float64", "not a float64"),
        (1.5, "int64", "not a int64"),
        (1 << 63, "int64", "64 bits"),
        ("7", "int64", "not a int64"),
        (datetime(2026, 1, 1), "timestamp", "time zone"),  # noqa: DTZ001  the point
        ([1], "string", "list"),
    ],
)
def test_what_does_not_fit_is_refused_with_its_reason(value: Any, dtype: Any, said: str) -> None:
    with pytest.raises(InvalidInput, match=said):
        checked(value, dtype)


def test_times_are_microseconds_of_any_zone() -> None:
    assert moment(microseconds(T)) == T
    assert moment(microseconds(datetime.fromisoformat("1969-12-31T23:59:59.999999-03:00"))).tzinfo is UTC
