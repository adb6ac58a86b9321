"""Arrow tables in the shape the offline store keeps: plain types, timestamp[us, UTC], no untyped columns."""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa

from foundation.errors import InvalidInput

TIMESTAMP = pa.timestamp("us", "UTC")
_PLAIN: dict[pa.DataType, pa.DataType] = {
    pa.large_string(): pa.string(),
    pa.string_view(): pa.string(),
    pa.large_binary(): pa.binary(),
    pa.binary_view(): pa.binary(),
}


def plain_type(dtype: pa.DataType) -> pa.DataType:
    """The one type that stands for its family here: us timestamps in UTC, 32-bit-offset strings."""
    if pa.types.is_timestamp(dtype):
        return TIMESTAMP
    if pa.types.is_dictionary(dtype):
        return plain_type(dtype.value_type)
    return _PLAIN.get(dtype, dtype)


def conform(rows: pa.Table, schema: pa.Schema | None, table: str) -> pa.Table:
    """`rows` with plain types, cast to the types that `table` already has.

    Columns of type null say nothing and are left out: the table then holds nulls. Raises InvalidInput, naming the
    column, for a value that the table's type cannot hold, and for timestamps without a zone.
    """
    columns: dict[str, pa.ChunkedArray] = {}
    for field in rows.schema:
        if pa.types.is_null(field.type):
            continue
        if pa.types.is_timestamp(field.type) and field.type.tz is None:
            raise InvalidInput(f"column {field.name!r} for table {table!r} has times without a zone", hint="use UTC")
        known = schema.field(field.name).type if schema is not None and field.name in schema.names else None
        target = plain_type(known or field.type)
        if known is not None and _family(target) != _family(field.type):
            raise InvalidInput(f"column {field.name!r} of table {table!r} is {target}, the rows bring {field.type}")
        try:
            columns[field.name] = rows[field.name].cast(target)
        except pa.ArrowException as error:
            raise InvalidInput(f"column {field.name!r} of table {table!r} is {target}: {error}") from error
    return pa.table(columns)


def unified(parts: Sequence[pa.Table]) -> pa.Table:
    """One table of all rows; a column that a part lacks is null there."""
    return pa.concat_tables(parts, promote_options="permissive")


def _family(dtype: pa.DataType) -> str:
    dtype = plain_type(dtype)
    if pa.types.is_integer(dtype) or pa.types.is_floating(dtype):
        return "number"
    return str(dtype)
