"""Filters of aggregations: what is a condition, what is not and where, and that they mean what Python means."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from foundation.errors import InvalidInput
from platform_core.catalog.filter_grammar import ColumnOf, Expression, Literal, Operation, columns_of
from platform_core.catalog.filters import checked_filter, parse_filter
from platform_core.features.dialects import DUCKDB


@pytest.mark.parametrize(
    ("text", "at", "said"),
    [
        ("", 1, "ends too early"),
        ("amount + 1", 1, "a value, not a condition"),
        ("amount >", 9, "ends too early"),
        ("amount > 1 amount", 12, "'amount' was not expected"),
        ("(amount > 1", 12, "')' was expected"),
        ("lower(channel) = 'x'", 1, "functions such as lower are not allowed"),
        ("amount / 2 > 1", 8, "cannot be read on"),
        ("amount > 1; DROP TABLE x", 11, "cannot be read on"),
        ("amount IN (SELECT 1)", 19, "')' was expected"),
        ("amount NOT > 1", 12, "after NOT comes IN, BETWEEN or LIKE"),
        ("channel = 'open", 11, "cannot be read on"),
    ],
)
def test_what_is_no_condition_is_told_where(text: str, at: int, said: str) -> None:
    with pytest.raises(InvalidInput, match=re.escape(f"at character {at}, ") + ".*" + re.escape(said)):
        parse_filter(text)


def test_two_minus_signs_are_no_comment() -> None:
    assert list(columns_of(parse_filter("amount > 1 -- fee"))) == ["amount", "fee"]
    assert DUCKDB.condition(parse_filter("amount > 1 -- fee")) == '("amount" > (1 - (0 - "fee")))'


def test_a_column_may_be_a_condition() -> None:
    assert parse_filter("is_online") == ColumnOf("is_online")


def test_unknown_columns_are_named_with_what_is_near() -> None:
    assert set(columns_of(checked_filter("a = 1 AND b IN (c, 2)", {"a", "b", "c"}))) == {"a", "b", "c"}
    with pytest.raises(InvalidInput, match=r"the column 'chanel'.*did you mean 'channel'"):
        checked_filter("chanel = 'x'", ["channel", "amount"])


def test_endless_filters_are_refused() -> None:
    with pytest.raises(InvalidInput, match="nested too deeply"):
        parse_filter("(" * 1000 + "a" + ")" * 1000)
    with pytest.raises(InvalidInput, match="too long"):
        parse_filter("a = 1 OR " * 1000 + "a = 1")


numbers = st.integers(-3, 3)
leaves = st.sampled_from(["a", "b", "1", "-2", "2.5", "NULL"])
conditions = st.recursive(
    st.one_of(
        st.tuples(leaves, st.sampled_from(["=", "<>", "!=", "<", "<=", ">", ">="]), leaves).map(" ".join),
        st.tuples(leaves, st.sampled_from([" IN ", " not in "]), leaves, leaves).map(
            lambda t: f"{t[0]}{t[1]}({t[2]}, {t[3]})"
        ),
        st.tuples(leaves, leaves, leaves).map(lambda t: f"{t[0]} BETWEEN {t[1]} AND {t[2]}"),
        leaves.map(lambda leaf: f"{leaf} IS NULL"),
        leaves.map(lambda leaf: f"{leaf} + a * 2 is not null"),
        st.tuples(leaves, leaves).map(lambda t: f"({t[0]} - {t[1]}) < 1"),
    ),
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from([" AND ", " or "]), inner).map("".join), inner.map(lambda c: f"NOT ({c})")
    ),
    max_leaves=6,
)


@pytest.fixture(scope="module")
def database() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as connection:
        yield connection


@settings(max_examples=100, deadline=None)
@given(text=conditions, rows=st.lists(st.tuples(st.none() | numbers, st.none() | numbers), min_size=1, max_size=5))
def test_they_mean_what_python_means(
    database: duckdb.DuckDBPyConnection, text: str, rows: list[tuple[Any, Any]]
) -> None:
    expression = parse_filter(text)
    values = ", ".join(str((i, a, b)).replace("None", "NULL::INTEGER") for i, (a, b) in enumerate(rows))
    both = f"SELECT {DUCKDB.condition(expression)}, {text} FROM (VALUES {values}) t(i, a, b) ORDER BY i"
    assert database.sql(both).fetchall() == [(evaluated(expression, {"a": a, "b": b}),) * 2 for a, b in rows]


def evaluated(expression: Expression, row: dict[str, Any]) -> Any:  # noqa: PLR0911
    """Three-valued logic, in plain Python."""
    match expression:
        case ColumnOf(name):
            return row[name]
        case Literal(value):
            return value
        case Operation(operator, operands):
            values = [evaluated(operand, row) for operand in operands]
    match operator:
        case "AND":
            return False if False in values else None if None in values else True
        case "OR":
            return True if True in values else None if None in values else False
        case "NOT":
            return None if values[0] is None else not values[0]
        case "IS NULL":
            return values[0] is None
        case "IN":
            return evaluated(Operation("OR", tuple(Literal(_compared("=", values[0], v)) for v in values[1:])), row)
        case "BETWEEN":
            low, high = _compared(">=", values[0], values[1]), _compared("<=", values[0], values[2])
            return evaluated(Operation("AND", (Literal(low), Literal(high))), row)
        case _:
            return _compared(operator, *values)


def _compared(operator: str, left: Any, right: Any) -> Any:
    if left is None or right is None:
        return None
    return {
        "=": left == right,
        "<>": left != right,
        "<": left < right,
        "<=": left <= right,
        ">": left > right,
        ">=": left >= right,
        "+": left + right,
        "-": left - right,
        "*": left * right,
    }[operator]
