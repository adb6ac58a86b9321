"""What is wrong with a source, said so that its owner finds it: the place it was declared with, the row, the type."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Sequence
from contextlib import contextmanager

import pyarrow as pa

from foundation.errors import InvalidInput, NotFound
from platform_core.catalog.specs import DataSource

_SHOWN = 60


def not_of_its_type(
    rows: pa.Table, name: str, dtype: pa.DataType, source: DataSource, *, identity: str
) -> InvalidInput:
    """Of a column that cannot be cast to `dtype`: the first row that cannot, with its `identity` (a column), and what
    it holds. Values of a column with a PII class are not told."""
    column = rows[name]
    place = _first_that_fails(column, dtype)
    row = f"row {place} of the {len(rows):,} read"
    harmless = {c.name for c in source.columns if c.pii == "none"}
    if identity in rows.column_names and identity in harmless:
        row += f" ({identity} {rows[identity][place].as_py()!r})"
    value = f" {str(column[place].as_py())[:_SHOWN]!r}" if name in harmless else ""
    what = f"column {name!r} of source {source.name} is not {dtype}"
    return InvalidInput(
        f"contract broken: {what}: {row} holds the {column.type}{value}",
        hint="correct the row where it is written, or the dtype in the catalog",
    )


def _first_that_fails(column: pa.ChunkedArray, dtype: pa.DataType) -> int:
    start, length = 0, len(column)
    while length > 1:
        half = length // 2
        try:
            column.slice(start, half).cast(dtype)
        except pa.ArrowException:
            length = half
        else:
            start, length = start + half, length - half
    return start


def check_stored(source: DataSource, view: str, needed: Iterable[str], vital: Sequence[str], stored: pa.Schema) -> None:
    """Raises InvalidInput when a column that `view` needs, and whose rows may not all be null, is not in `stored`."""
    promised = {c.name for c in source.columns if c.max_null_rate == 0}
    for name in needed:
        if name not in stored.names and (name in vital or name in promised):
            columns = ", ".join(f"{f.name} ({f.type})" for f in stored)
            raise InvalidInput(
                f"contract broken: source {source.name} has no column {name!r}, which {view} reads; it has {columns}",
                hint="it was renamed or is written no more: map it, or correct the catalog",
            )


@contextmanager
def reading(source: DataSource) -> Generator[None]:
    """A table that is not there is told as the catalog declares it."""
    try:
        yield
    except NotFound as error:
        if source.path is not None:
            said, hint = (
                f"nothing lies at its path {source.path!r}",
                "a Parquet file, a directory of them, or a Delta table",
            )
        else:
            said = f"nothing was ever written to its table {source.table!r}"
            hint = "its connector writes it, or `path` in the catalog says where it lies"
        raise NotFound(f"source {source.name} cannot be read: {said}", hint=hint) from error
