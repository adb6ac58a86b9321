"""One key per entity: the same from a row, from columns and from SQL, and never shared by two composite keys."""

from __future__ import annotations

from itertools import product

import duckdb
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from foundation.errors import InvalidInput
from platform_core.attached.feast.names import key_parts
from platform_core.features.keys import entity_key, entity_key_sql, entity_keys

PART = st.text(alphabet="ab|\\:'\"é\U0001f926", max_size=5)
PAIR = st.tuples(PART, PART)


def test_a_single_key_stays_itself() -> None:
    assert entity_key(["a|b\\c"]) == "a|b\\c"
    assert (entity_key([7]), entity_key([True])) == ("7", "true")


def test_composite_keys_are_escaped_and_joined() -> None:
    assert entity_key(["a|b", "c"]) == r"a\|b|c"
    assert entity_key(["a", "b|c"]) == r"a|b\|c"
    assert entity_key(["br", 7]) == "br|7"


@given(st.lists(st.lists(PART, min_size=2, max_size=3).map(tuple), min_size=2, max_size=20, unique=True))
def test_different_composite_keys_never_collide(keys: list[tuple[str, ...]]) -> None:
    assert len({entity_key(key) for key in keys}) == len(keys)


def test_columns_and_sql_say_the_same() -> None:
    connection = duckdb.connect()

    @settings(max_examples=20, deadline=None)
    @given(st.lists(PAIR, min_size=1, max_size=60))
    def same(rows: list[tuple[str, str]]) -> None:
        table = pa.table({"place": range(len(rows)), "a": [a for a, _ in rows], "b": [b for _, b in rows]})
        expected = [entity_key(row) for row in rows]
        assert entity_keys([table["a"], table["b"]]).to_pylist() == expected
        assert entity_keys([table["a"]]).to_pylist() == [a for a, _ in rows]
        connection.register("t", table)
        sql = f"SELECT {entity_key_sql(['a', 'b'])}, {entity_key_sql(['a'])} FROM t ORDER BY place"
        assert connection.execute(sql).fetchall() == list(zip(expected, table["a"].to_pylist(), strict=True))

    same()
    connection.close()


def test_numbers_and_nulls_are_alike_in_columns_and_sql() -> None:
    table = pa.table({"a": pa.array([7, None, -1]), "b": ["x", "y", None]})
    assert entity_keys([table["a"], table["b"]]).to_pylist() == ["7|x", None, None]
    with duckdb.connect() as connection:
        connection.register("t", table)
        found = connection.execute(f"SELECT {entity_key_sql(['a', 'b'])} FROM t").fetchall()
    assert found == [("7|x",), (None,), (None,)]


@pytest.mark.parametrize("value", [None, 1.5, ["c1"], b"c1"])
def test_what_is_no_key_is_refused_by_place(value: object) -> None:
    with pytest.raises(InvalidInput, match=r"value 2 .*text or a whole number"):
        entity_key(["br", value])
    with pytest.raises(InvalidInput, match="value 1"):
        entity_key([value])


def test_a_key_is_taken_apart_again() -> None:
    """Feast's keys are made of ours: no text in a part, whatever its escapes and empty ends, is lost."""
    texts = ["".join(made) for length in range(4) for made in product("a|\\", repeat=length)]
    for parts in [*((one,) for one in texts), *product(texts, repeat=2), ("", "", ""), ("\\", "", "|")]:
        assert key_parts(entity_key(parts), len(parts)) == list(parts)
