"""What orjson writes for us is what rfc8785 writes, byte for byte, and what it may not write is refused as before."""

from __future__ import annotations

import math
from collections import OrderedDict
from datetime import UTC, datetime
from enum import IntEnum, StrEnum
from typing import Any, NamedTuple
from uuid import UUID

import pytest
import rfc8785
from hypothesis import example, given, settings
from hypothesis import strategies as st

from foundation.canonical import canonical_bytes
from foundation.errors import InvalidInput

texts = st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=12)
# Where Python, orjson and ECMAScript begin to spell numbers differently.
edges = st.sampled_from([1e-7, 9.9e-7, 1e-6, 1e-5, 9.9e-5, 1e-4, 1e15, 1e16, 1e17, 1e21, 1e22, 5e-324, 2.0**53, 0.1])
numbers = (
    st.integers(-(2**53) + 1, 2**53 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.floats(-1e7, 1e7)
    | edges.flatmap(lambda edge: st.floats(edge * 0.99, edge * 1.01))
)
names = texts | st.sampled_from(["", "\ue000", "\U0001f600", "\x7f", "é", "a", "A", "10", "9"])
values = st.recursive(
    st.none() | st.booleans() | numbers | texts,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.tuples(inner, inner)
        | st.dictionaries(names, inner, max_size=4)
        | st.dictionaries(names, inner, max_size=4).map(OrderedDict)
    ),
    max_leaves=12,
)


@settings(max_examples=400, deadline=None)
@example("".join(map(chr, range(0x100))) + "\u2028\u2029\ufeff\uffff\U0001f600")
@example({"\ue000": 1, "\U0001f600": 2})
@example({"a": -0.0, "b": 1.0, "c": -1.5, "d": 1e-4})
@example(2**53 - 1)
@given(values)
def test_it_is_what_rfc8785_writes(value: Any) -> None:
    assert canonical_bytes(value) == rfc8785.dumps(value)


class Whole(IntEnum):
    ONE = 1


class Named(StrEnum):
    A = "a"


class Pair(NamedTuple):
    left: int
    right: int


@pytest.mark.parametrize("value", [Whole.ONE, Named.A, Pair(1, 2), {Named.A: Whole.ONE}, {"n": {"m": Pair(3, 4)}}])
def test_subclasses_are_written_as_before(value: Any) -> None:
    assert canonical_bytes(value) == rfc8785.dumps(value)
    assert canonical_bytes([value]) == rfc8785.dumps([value])


@pytest.mark.parametrize(
    "value",
    [
        math.nan, math.inf, -math.inf, 2**53, -(2**53), 2**64, 10**400, "\ud800", {"\ud800": 1}, {1: 2}, {None: 1},
        b"bytes", {1, 2}, datetime(2026, 11, 19, tzinfo=UTC), UUID(int=0), Pair, object(),
    ],
    ids=lambda value: type(value).__name__,
)  # fmt: skip
def test_what_json_cannot_carry_is_refused(value: Any) -> None:
    for nested in (value, [value], {"a": {"b": (value,)}}):
        with pytest.raises(InvalidInput, match="canonical JSON"):
            canonical_bytes(nested)


def test_deep_values_are_written() -> None:
    deep: Any = 1
    for _ in range(300):  # deeper than orjson goes
        deep = [deep]
    assert canonical_bytes(deep) == rfc8785.dumps(deep)


def test_nesting_without_end_is_refused_not_a_crash() -> None:
    nested: list[object] = []
    for _ in range(100_000):
        nested = [nested]
    with pytest.raises(InvalidInput, match="nested too deeply"):
        canonical_bytes({"deep": nested})
