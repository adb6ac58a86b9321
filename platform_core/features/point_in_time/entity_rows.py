"""Entity rows, the past moments a caller asks about: what they must have, and what is wrong with them if not."""

from __future__ import annotations

from collections.abc import Iterable

import pyarrow as pa

from foundation.errors import InvalidInput
from platform_core.catalog.specs import Entity
from platform_core.features.keys import KEY_HINT, entity_keys, key_problem

EVENT_TIMESTAMP = "event_timestamp"
TENANT = "tenant"


def checked_rows(rows: pa.Table, tenant: str | None, entities: Iterable[Entity]) -> pa.Table:
    """`rows`, with a column of `tenant` if that is given.

    Raises InvalidInput, naming the column, for one that is missing, doubled or no text where text is needed.
    """
    names = rows.column_names
    if doubled := next((name for name in names if names.count(name) > 1), None):
        raise InvalidInput(f"the entity rows have two columns {doubled!r}", hint="rename or drop one of them")
    if tenant is not None:
        if TENANT in names:
            raise InvalidInput(
                "a tenant was given, and the entity rows have a column 'tenant'", hint="drop one of them"
            )
        rows = rows.append_column(TENANT, pa.repeat(pa.scalar(tenant), len(rows)))
    have = f"they have {', '.join(names)}" if names else "they have no columns"
    for column in (EVENT_TIMESTAMP, TENANT, *(key for entity in entities for key in entity.join_keys)):
        if column not in rows.column_names:
            raise InvalidInput(f"the entity rows lack the column {column!r}", hint=have)
        if column != EVENT_TIMESTAMP:
            _check_key(column, rows[column].type)
            _check_bits(column, rows[column])
    return rows.set_column(rows.column_names.index(TENANT), TENANT, _plain(rows[TENANT]).cast(pa.string()))


def keys_of(rows: pa.Table, entity: Entity) -> pa.ChunkedArray:
    """The entity key of each row, null where a part of it is null."""
    keys = entity_keys([_plain(rows[column]) for column in entity.join_keys])
    return keys if isinstance(keys, pa.ChunkedArray) else pa.chunked_array([keys])


def _check_key(column: str, dtype: pa.DataType) -> None:
    if pa.types.is_dictionary(dtype):
        dtype = dtype.value_type
    text = pa.types.is_string(dtype) or pa.types.is_large_string(dtype) or pa.types.is_string_view(dtype)
    if text or pa.types.is_integer(dtype) or pa.types.is_boolean(dtype) or pa.types.is_null(dtype):
        return
    floats = "; pandas makes floats of whole numbers with gaps: use its Int64" if pa.types.is_floating(dtype) else ""
    raise InvalidInput(
        f"the column {column!r} of the entity rows is {dtype}", hint=f"a key is text or a whole number{floats}"
    )


def _check_bits(column: str, values: pa.ChunkedArray) -> None:
    """Online a key has 64 bits with its sign: here too, so that both find the same."""
    if pa.types.is_uint64(values.type):
        for row, value in enumerate(values.to_pylist(), start=1):
            if value is not None and (problem := key_problem(value)) is not None:
                raise InvalidInput(f"row {row} of the entity rows: {column!r} is {problem}", hint=KEY_HINT)


def _plain(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Dictionaries written out."""
    return column.cast(column.type.value_type) if pa.types.is_dictionary(column.type) else column
