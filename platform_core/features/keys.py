"""Entity keys: the one string under which a row of features is kept and found.

A single key is its own text (`c1`; 7 is `7`, as a cast to text has it). The parts of a composite key are joined by `|`
after `\\` and `|` within a part were escaped by `\\`, so that no two different composite keys are the same string:
(`a|b`, `c`) is `a\\|b|c`, (`a`, `b|c`) is `a|b\\|c`. The same rule in three forms, for one row, for Arrow columns and
for SQL, so that what is written in batch is found online.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import pyarrow as pa
import pyarrow.compute as pc

from foundation.errors import InvalidInput

SEPARATOR = "|"
KEY_HINT = "a key is text or a whole number from -2^63 to 2^63 - 1"
_arrow = cast(Any, pc)  # its functions are made at run time


def entity_key(values: Sequence[object]) -> str:
    """The key of one entity row, from the values of its join keys in their order.

    Raises InvalidInput for a part that is null or neither text nor a whole number of 64 bits, saying which one.
    """
    if len(values) == 1:
        value = values[0]
        return value if type(value) is str and value.isascii() else _text(value, 1)
    if not values:
        raise InvalidInput("an entity key needs at least one value")
    parts = [_text(value, place) for place, value in enumerate(values, start=1)]
    return SEPARATOR.join([part.replace("\\", "\\\\").replace("|", "\\|") for part in parts])


def entity_keys(columns: Sequence[pa.ChunkedArray | pa.Array]) -> pa.ChunkedArray | pa.Array:
    """`entity_key` over columns of equal length: a string column, null where a part is null."""
    texts = [column.cast(pa.string()) for column in columns]
    if len(texts) == 1:
        return texts[0]
    return _arrow.binary_join_element_wise(*map(_escaped, texts), SEPARATOR)


def entity_key_sql(columns: Sequence[str]) -> str:
    """`entity_key` as an SQL expression over `columns` (expressions, quoted where they need it); null if a part is."""
    if len(columns) == 1:
        return f"CAST({columns[0]} AS VARCHAR)"
    escaped = (f"replace(replace(CAST({c} AS VARCHAR), '\\', '\\\\'), '|', '\\|')" for c in columns)
    return "(" + " || '|' || ".join(escaped) + ")"


def _escaped(column: pa.ChunkedArray | pa.Array) -> Any:
    doubled = _arrow.replace_substring(column, pattern="\\", replacement="\\\\")
    return _arrow.replace_substring(doubled, pattern=SEPARATOR, replacement="\\|")


def _text(value: object, place: int) -> str:
    if isinstance(value, str) and (value.isascii() or key_problem(value) is None):
        return str(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int) and -(1 << 63) <= value < 1 << 63:
        return str(value)
    raise InvalidInput(f"value {place} of an entity key is {key_problem(value)}", hint=KEY_HINT)


def key_problem(value: object) -> str | None:
    """Why `value` is no part of a key; None when it is one."""
    if value is None:
        return "null"
    if isinstance(value, int):
        return None if -(1 << 63) <= value < 1 << 63 else f"a whole number of {value.bit_length()} bits and a sign"
    if not isinstance(value, str):
        return f"{value!r:.80}, a {type(value).__name__}"
    try:
        value.encode()
    except UnicodeEncodeError:
        return f"{value[:80]!r}, no text: it has a half of a surrogate pair"
    return None
