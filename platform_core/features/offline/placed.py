"""An offline store in which some tables lie elsewhere: those that a catalog's sources give a `path` for.

They are read in place and never written: a Delta table, a Parquet file, or a directory of Parquet files.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path

import pyarrow as pa

from foundation.errors import Forbidden
from platform_core.catalog.specs import Catalog
from platform_core.features.offline.delta import DeltaOfflineStore
from platform_core.features.offline.parquet_feed import ParquetFeed
from platform_core.features.offline.port import ArrivalFeed


def places_of(catalog: Catalog) -> dict[str, Path]:
    """Of its sources that have a path: the table's name and where it lies."""
    return {source.table: Path(source.path) for source in catalog.sources if source.path is not None}


class PlacedOfflineStore(ArrivalFeed):
    """`own` with the tables of `places` in it."""

    def __init__(self, own: ArrivalFeed, places: Mapping[str, Path]) -> None:
        self._own = own
        self._placed: dict[str, tuple[ArrivalFeed, str]] = {table: _store(path) for table, path in places.items()}

    def append(self, table: str, rows: pa.Table) -> int:
        if table in self._placed:
            raise Forbidden(f"table {table!r} belongs to somebody else", hint="its source has a path: it is only read")
        return self._own.append(table, rows)

    def read(
        self,
        table: str,
        *,
        start: datetime | None = None,
        end: datetime | None = None,
        columns: list[str] | None = None,
        time_column: str = "event_ts",
    ) -> pa.Table:
        store, name = self._of(table)
        return store.read(name, start=start, end=end, columns=columns, time_column=time_column)

    def scan(
        self,
        table: str,
        *,
        start: datetime | None = None,
        end: datetime | None = None,
        columns: Sequence[str] | None = None,
        time_column: str = "event_ts",
    ) -> Iterator[pa.RecordBatch]:
        store, name = self._of(table)
        return store.scan(name, start=start, end=end, columns=columns, time_column=time_column)

    def schema(self, table: str) -> pa.Schema:
        store, name = self._of(table)
        return store.schema(name)

    def tables(self) -> list[str]:
        return sorted({*self._own.tables(), *self._placed})

    def version(self, table: str) -> int:
        store, name = self._of(table)
        return store.version(name)

    def read_version(
        self,
        table: str,
        version: int,
        *,
        start: datetime,
        end: datetime | None = None,
        columns: Sequence[str] | None = None,
        time_column: str = "event_ts",
    ) -> pa.Table:
        store, name = self._of(table)
        return store.read_version(name, version, start=start, end=end, columns=columns, time_column=time_column)

    def scan_version(
        self,
        table: str,
        version: int,
        *,
        start: datetime,
        end: datetime | None = None,
        columns: Sequence[str] | None = None,
        time_column: str = "event_ts",
    ) -> Iterator[pa.RecordBatch]:
        store, name = self._of(table)
        return store.scan_version(name, version, start=start, end=end, columns=columns, time_column=time_column)

    def appended(self, table: str, *, after: int) -> Iterator[tuple[int, pa.Table]]:
        store, name = self._of(table)
        return store.appended(name, after=after)

    def _of(self, table: str) -> tuple[ArrivalFeed, str]:
        """The store that holds `table`, and its name there."""
        return self._placed.get(table, (self._own, table))


def _store(path: Path) -> tuple[ArrivalFeed, str]:
    if (path / "_delta_log").is_dir():
        return DeltaOfflineStore(path.parent), path.name
    return ParquetFeed(path.parent), path.stem if path.suffix == ".parquet" else path.name
