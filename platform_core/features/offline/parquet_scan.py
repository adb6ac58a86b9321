"""Parquet files as a table, or as a stream of batches that are decoded ahead on Arrow's threads."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.dataset as ds
from pyarrow.fs import LocalFileSystem

from foundation.errors import InvalidInput, Unavailable
from platform_core.features.offline.arrow import TIMESTAMP

_ROWS_PER_BATCH = 1 << 19
_DICTIONARIES = ("tenant", "key")
"""Columns of few different strings: as dictionaries they take a quarter of the memory and of the time to look up."""


@dataclass(frozen=True)
class DataFile:
    path: str
    partition: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """Values of columns that are the same in all of the file's rows and not in the file itself."""

    whole: bool = False
    """Every row is of the time range for which the file was selected: none needs to be looked at."""


def between(column: str, start: datetime | None, end: datetime | None) -> ds.Expression | None:
    """start <= column < end."""
    expression: Any = None
    if start is not None:
        expression = ds.field(column) >= pa.scalar(start, TIMESTAMP)
    if end is not None:
        upper: Any = ds.field(column) < pa.scalar(end, TIMESTAMP)
        expression = upper if expression is None else expression & upper
    return expression


def read_parquet(
    files: Sequence[DataFile],
    schema: pa.Schema,
    where: Path,
    *,
    columns: Sequence[str] | None = None,
    only: ds.Expression | None = None,
) -> pa.Table:
    """Rows of `files` that satisfy `only`; a column that a file lacks is null there.

    Raises Unavailable, naming `where`, when a file cannot be read.
    """
    names = list(schema.names if columns is None else columns)
    if not files:
        return pa.table({name: pa.array([], schema.field(name).type) for name in names})
    try:
        return _dataset(files, schema, ds.ParquetFileFormat()).to_table(columns=names, filter=only)
    except (OSError, pa.ArrowException) as error:
        raise _complaint(where, error) from error


def scan_parquet(
    files: Sequence[DataFile],
    schema: pa.Schema,
    where: Path,
    *,
    columns: Sequence[str] | None = None,
    only: ds.Expression | None = None,
) -> Iterator[pa.RecordBatch]:
    """As `read_parquet`, batch by batch: a few of them are in memory at a time."""
    names = list(schema.names if columns is None else columns)
    encoded = [n for n in _DICTIONARIES if n in schema.names and schema.field(n).type == pa.string()]
    for name in encoded:
        dictionary = pa.field(name, pa.dictionary(pa.int32(), pa.string()))
        schema = schema.set(schema.get_field_index(name), dictionary)
    form = ds.ParquetFileFormat(read_options=ds.ParquetReadOptions(dictionary_columns=set(encoded)))
    if not files:
        return
    try:
        for some, condition in (([f for f in files if f.whole], None), ([f for f in files if not f.whole], only)):
            if some:
                scanner = _dataset(some, schema, form).scanner(
                    columns=names, filter=condition, batch_size=_ROWS_PER_BATCH, batch_readahead=2, fragment_readahead=2
                )
                yield from (batch for batch in scanner.to_batches() if len(batch))
    except (OSError, pa.ArrowException) as error:
        raise _complaint(where, error) from error


def _dataset(files: Sequence[DataFile], schema: pa.Schema, form: ds.ParquetFileFormat) -> ds.Dataset:
    here = LocalFileSystem()
    fragments = [form.make_fragment(f.path, here, partition_expression=_equal(f.partition, schema)) for f in files]
    return ds.FileSystemDataset(fragments, schema, form, here)


def _equal(partition: Mapping[str, Any], schema: pa.Schema) -> ds.Expression | None:
    expression: Any = None
    for name, value in partition.items():
        if name in schema.names:
            same: Any = ds.field(name).is_null() if value is None else ds.field(name) == value
            expression = same if expression is None else expression & same
    return expression


def _complaint(where: Path, error: Exception) -> InvalidInput | Unavailable:
    if "would lose data" in str(error):
        hint = "times are kept in microseconds: round those of the files to them"
        return InvalidInput(f"{where} has times finer than microseconds: {error}", hint=hint)
    hint = "a data file is gone or damaged: restore it, or rewrite the table from its source"
    return Unavailable(f"could not read {where}: {error}", hint=hint)
