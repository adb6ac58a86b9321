"""The columns of an Arrow stream that a stranger sent.

A stream may promise far more than it is: compressed buffers, one text that a dictionary names for every row, the same
bytes as the buffer of many columns. Names, types, rows and sizes are therefore looked at before anything is
decompressed, and before a column is made into Python objects.
"""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pyarrow.types as pat

from foundation.arrow_stream import announced_rows
from foundation.errors import InvalidInput, TooLarge
from platform_core.serving.questions import check_columns, check_rows
from platform_core.serving.shape import RequestShape

_MOST_TIMES = 2
"""Plain columns are no larger than the bytes that they came in, but for padding and validity."""

_PLAIN = (pat.is_string, pat.is_large_string, pat.is_integer, pat.is_floating, pat.is_boolean, pat.is_null)


def arrow_columns(body: bytes, shape: RequestShape, max_rows: int) -> dict[str, list[Any]]:
    """By name. Raises InvalidInput for what is no stream of plain columns that `shape` reads, TooLarge naming the
    limit."""
    try:
        with pa.ipc.open_stream(body) as reader:
            _check_schema(reader.schema, shape)
            rows = 0
            for announced in announced_rows(body):
                rows += announced
                check_rows(rows, max_rows)
            table = reader.read_all()
        if table.nbytes > _MOST_TIMES * len(body):
            raise TooLarge(f"the rows hold {table.nbytes} bytes", hint="send entity keys and inputs only")
        table.validate(full=True)
        return {name: table[name].to_pylist() for name in table.column_names}
    except (pa.ArrowException, OSError, ValueError, KeyError) as error:
        raise InvalidInput(f"the body is not an Arrow stream of rows: {error}"[:500]) from error


def _check_schema(schema: pa.Schema, shape: RequestShape) -> None:
    check_columns(schema.names, shape)
    for place, column in enumerate(schema):
        if schema.names.index(column.name) != place:
            raise InvalidInput(f"column {column.name!r} is there twice")
        if not any(holds(column.type) for holds in _PLAIN):
            raise InvalidInput(f"column {column.name!r} is {column.type}"[:200], hint="send plain text and numbers")
