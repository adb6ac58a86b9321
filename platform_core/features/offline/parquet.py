"""One table of Parquet files, a file or a directory of them, read in place."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.dataset as ds

from foundation.errors import InvalidInput, NotFound, Unavailable
from platform_core.features.offline.arrow import TIMESTAMP


class ParquetTable:
    """Times are timestamp[us, UTC] here whatever the files hold; those without a zone are UTC."""

    def __init__(self, path: Path) -> None:
        """Raises InvalidInput for a Delta table: its log says which of its files count."""
        if (path / "_delta_log").is_dir():
            raise InvalidInput(f"{path} is a Delta table", hint="its files must not be read without its log")
        self._path = path

    def schema(self) -> pa.Schema:
        return pa.schema([pa.field(f.name, _plain(f.type)) for f in self._open().schema])

    def scan(
        self, start: datetime | None, end: datetime | None, columns: Sequence[str] | None, time_column: str
    ) -> Iterator[pa.RecordBatch]:
        """Rows with start <= time_column < end, in batches. Raises InvalidInput for an unknown column."""
        dataset = self._open()
        names = list(dataset.schema.names if columns is None else columns)
        needed = [*names, *([time_column] if start or end else [])]
        if unknown := [name for name in needed if name not in dataset.schema.names]:
            known = ", ".join(dataset.schema.names)
            raise InvalidInput(f"{self._path} has no column {unknown[0]!r}", hint=f"it has {known}")
        wanted = pa.schema([pa.field(name, _plain(dataset.schema.field(name).type)) for name in names])
        try:
            for batch in dataset.scanner(
                columns=names, filter=self._between(dataset, time_column, start, end)
            ).to_batches():
                yield from pa.Table.from_batches([batch]).cast(wanted, safe=False).to_batches()
        except (OSError, pa.ArrowException) as error:
            raise Unavailable(f"{self._path} cannot be read: {error}", hint="a file is gone or damaged") from error

    def read(
        self, start: datetime | None, end: datetime | None, columns: Sequence[str] | None, time_column: str
    ) -> pa.Table:
        batches = list(self.scan(start, end, columns, time_column))
        schema = self.schema()
        return pa.Table.from_batches(batches, pa.schema([schema.field(name) for name in columns or schema.names]))

    def _open(self) -> ds.Dataset:
        if not self._path.exists():
            raise NotFound(f"there is nothing at {str(self._path)!r}", hint="the catalog's source says it lies there")
        try:
            return ds.dataset(str(self._path), format="parquet")
        except (OSError, pa.ArrowException) as error:
            raise Unavailable(f"{self._path} cannot be read: {error}", hint="is it Parquet?") from error

    @staticmethod
    def _between(dataset: ds.Dataset, column: str, start: datetime | None, end: datetime | None) -> Any:
        """Compared in the files' own type, so that their statistics decide which row groups are read."""
        found: Any = None
        if start is None and end is None:
            return found
        kind = dataset.schema.field(column).type
        if not pa.types.is_timestamp(kind):
            raise InvalidInput(f"column {column!r} is {kind}, not a time")
        if start is not None:
            found = ds.field(column) >= _moment(start, kind)
        if end is not None:
            upper: Any = ds.field(column) < _moment(end, kind)
            found = upper if found is None else found & upper
        return found


def _moment(value: datetime, kind: pa.DataType) -> Any:
    exact = pa.scalar(value, TIMESTAMP)
    return exact if kind.tz is not None else exact.cast(pa.timestamp("us"))


def _plain(kind: pa.DataType) -> pa.DataType:
    if pa.types.is_dictionary(kind):
        return _plain(kind.value_type)
    if pa.types.is_timestamp(kind):
        return TIMESTAMP
    return pa.string() if pa.types.is_large_string(kind) else kind
