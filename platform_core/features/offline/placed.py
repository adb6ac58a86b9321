"""An offline store in which some tables lie elsewhere: those that a catalog's sources give a `path` for.

They are read in place and never written. A Delta table tells what arrived when, as our own tables do; Parquet files do
not: they can be read and backfilled from, not followed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path

import pyarrow as pa

from foundation.errors import Forbidden, InvalidInput
from platform_core.catalog.specs import Catalog
from platform_core.features.offline.delta import DeltaOfflineStore
from platform_core.features.offline.parquet import ParquetTable
from platform_core.features.offline.port import ArrivalFeed


def places_of(catalog: Catalog) -> dict[str, Path]:
    """Of its sources that have a path: the table's name and where it lies."""
    return {source.table: Path(source.path) for source in catalog.sources if source.path is not None}


class PlacedOfflineStore(ArrivalFeed):
    """`own` with the tables of `places` in it."""

    def __init__(self, own: ArrivalFeed, places: Mapping[str, Path]) -> None:
        self._own = own
        self._delta: dict[str, tuple[DeltaOfflineStore, str]] = {}
        self._parquet: dict[str, ParquetTable] = {}
        for table, path in places.items():
            if (path / "_delta_log").is_dir():
                self._delta[table] = DeltaOfflineStore(path.parent), path.name
            else:
                self._parquet[table] = ParquetTable(path)

    def append(self, table: str, rows: pa.Table) -> int:
        if table in self._delta or table in self._parquet:
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
        if table in self._parquet:
            return self._parquet[table].read(start, end, columns, time_column)
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
        if table in self._parquet:
            return self._parquet[table].scan(start, end, columns, time_column)
        store, name = self._of(table)
        return store.scan(name, start=start, end=end, columns=columns, time_column=time_column)

    def schema(self, table: str) -> pa.Schema:
        if table in self._parquet:
            return self._parquet[table].schema()
        store, name = self._of(table)
        return store.schema(name)

    def tables(self) -> list[str]:
        return sorted({*self._own.tables(), *self._delta, *self._parquet})

    def version(self, table: str) -> int:
        store, name = self._of(table)
        return store.version(name)

    def read_version(self, table: str, version: int, *, start: datetime, time_column: str = "event_ts") -> pa.Table:
        store, name = self._of(table)
        return store.read_version(name, version, start=start, time_column=time_column)

    def appended(self, table: str, *, after: int) -> list[tuple[int, pa.Table]]:
        store, name = self._of(table)
        return store.appended(name, after=after)

    def _of(self, table: str) -> tuple[ArrivalFeed, str]:
        """The store that holds `table`, and its name there. Raises InvalidInput for Parquet."""
        if table in self._parquet:
            raise InvalidInput(
                f"table {table!r} is of Parquet files, which do not say what arrived when",
                hint="backfill from it, or keep it as a Delta table",
            )
        return self._delta.get(table, (self._own, table))
