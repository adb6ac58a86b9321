"""The offline store on Delta Lake (delta-rs, no JVM): one Delta table per name below a directory.

Tables are partitioned by the UTC day of their event time, in a column `event_date` that never leaves this module. Reads
select files by the statistics in Delta's log and hand only those to Arrow: the last day of a table of weeks costs the
last day. The log truncates statistics to milliseconds, so that a file's true maximum may lie up to a millisecond above
what the log says; selection allows for it (delta-rs' own dataset does not).
"""

from __future__ import annotations

import math
import threading
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.dataset as ds
from deltalake import DeltaTable, write_deltalake
from deltalake.exceptions import DeltaError, TableNotFoundError

from foundation.errors import InvalidInput, NotFound, Unavailable
from platform_core.features.offline.arrow import conform, plain_type
from platform_core.features.offline.delta_log import OWN_PARTITION as PARTITION
from platform_core.features.offline.delta_log import added_rows, files_between, holds, refuse_unreadable
from platform_core.features.offline.parquet_scan import DataFile, between, read_parquet, scan_parquet
from platform_core.features.offline.port import ArrivalsForgotten

_TIME_COLUMNS = ("event_ts", "ts")
"""The first one that a table has when it is made decides its partition."""


class DeltaOfflineStore:
    """Implements `ArrivalFeed`. Safe to share between threads; several processes may append to one table."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._tables: dict[str, DeltaTable] = {}
        self._locks: dict[str, threading.RLock] = {}
        self._guard = threading.Lock()

    def append(self, table: str, rows: pa.Table) -> int:
        if not table or "/" in table or table.startswith("."):
            raise InvalidInput(f"{table!r} is not a table name")
        with self._lock(table):
            handle = self._tables.get(table)
            if handle is None and DeltaTable.is_deltatable(str(self._path(table))):
                handle = self._open(table)
            rows = conform(rows, _arrow_schema(handle) if handle else None, table)
            rows = _with_partition(rows, handle)
            partition = PARTITION if handle is None and PARTITION in rows.column_names else None
            try:
                write_deltalake(
                    handle or str(self._path(table)), rows, mode="append", schema_mode="merge", partition_by=partition
                )
            except (DeltaError, OSError) as error:
                raise Unavailable(f"could not append to {self._path(table)}: {error}") from error
            # A handle that wrote is already at its new version.
            return (handle or self._open(table)).version()

    def read(
        self,
        table: str,
        *,
        start: datetime | None = None,
        end: datetime | None = None,
        columns: list[str] | None = None,
        time_column: str = "event_ts",
    ) -> pa.Table:
        files, schema = self._files(table, start, end, columns, time_column)
        return self._rows(table, files, schema, columns, between(time_column, start, end))

    def scan(
        self,
        table: str,
        *,
        start: datetime | None = None,
        end: datetime | None = None,
        columns: Sequence[str] | None = None,
        time_column: str = "event_ts",
    ) -> Iterator[pa.RecordBatch]:
        files, schema = self._files(table, start, end, columns, time_column)
        return scan_parquet(files, schema, self._path(table), columns=columns, only=between(time_column, start, end))

    def _files(
        self,
        table: str,
        start: datetime | None,
        end: datetime | None,
        columns: Sequence[str] | None,
        time_column: str,
    ) -> tuple[list[DataFile], pa.Schema]:
        """The files that may hold the rows, and the table's schema. Raises InvalidInput for a column."""
        with self._lock(table):
            handle = self._open(table)
            schema = _arrow_schema(handle)
            files = files_between(handle, self._path(table), time_column, start, end)
        needed = [*(columns or schema.names), *([time_column] if start or end else [])]
        unknown = sorted(set(needed) - set(schema.names))
        if unknown:
            raise InvalidInput(
                f"table {table!r} has no column {unknown[0]!r}", hint=f"it has {', '.join(schema.names)}"
            )
        return files, schema

    def schema(self, table: str) -> pa.Schema:
        with self._lock(table):
            return _arrow_schema(self._open(table))

    def tables(self) -> list[str]:
        if not self._root.is_dir():
            return []
        return sorted(p.name for p in self._root.iterdir() if (p / "_delta_log").is_dir())

    def version(self, table: str) -> int:
        with self._lock(table):
            return self._open(table).version()

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
        files, schema = self._files_at(table, version, start, end, time_column)
        only = between(time_column, start, end) if time_column in schema.names else None
        return self._rows(table, files, schema, None if columns is None else list(columns), only)

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
        files, schema = self._files_at(table, version, start, end, time_column)
        return scan_parquet(
            files, schema, self._path(table), columns=columns, only=between(time_column, start, end) if files else None
        )

    def _files_at(
        self, table: str, version: int, start: datetime, end: datetime | None, time_column: str
    ) -> tuple[list[DataFile], pa.Schema]:
        """The files of that version that may hold the rows, and its schema. Raises ArrivalsForgotten."""
        path = self._path(table)
        try:
            handle = DeltaTable(str(path), version=version)
        except (DeltaError, OSError, ValueError) as error:
            kind = Unavailable if holds(path, version) or not holds(path, self.version(table)) else ArrivalsForgotten
            raise kind(f"version {version} of {path} cannot be read: {error}") from error
        schema = _arrow_schema(handle)
        if time_column not in schema.names:  # a column that came later: no row has a time by it
            return [], schema
        files = files_between(handle, path, time_column, start, end)
        if lost := next((f.path for f in files if not Path(f.path).exists()), None):
            raise ArrivalsForgotten(f"version {version} of {path} cannot be read: {lost} was vacuumed")
        return files, schema

    def appended(self, table: str, *, after: int) -> Iterator[tuple[int, pa.Table]]:
        path = self._path(table)
        if not (path / "_delta_log").is_dir():
            raise self._not_found(table)
        # Asked every second, mostly in vain: while the log holds `after` itself, nothing behind it was cleaned away.
        lost = not holds(path, after + 1) and not holds(path, after)
        if lost and self.version(table) > after:
            raise ArrivalsForgotten(f"the Delta log of {path} no longer holds version {after + 1}")
        return added_rows(path, after, lambda: self.schema(table))

    def compact(self, table: str) -> int:
        """Rewrite the many small files that frequent appends leave into few; returns how many files went.

        Data does not change, readers and appenders go on meanwhile; the old files stay on the disk until `vacuum`.
        """
        with self._lock(table):
            try:
                return int(self._open(table).optimize.compact()["numFilesRemoved"])
            except DeltaError as error:
                raise Unavailable(f"could not compact {self._path(table)}: {error}") from error

    def vacuum(self, table: str, *, keep: timedelta) -> int:
        """Delete data files that no version younger than `keep` (wall time, whole hours) needs; returns how many.

        Whoever still follows older versions is told ArrivalsForgotten: give readers more time than they take.
        """
        hours = math.ceil(keep / timedelta(hours=1))
        with self._lock(table):
            try:
                gone = self._open(table).vacuum(hours, dry_run=False, enforce_retention_duration=False)
            except DeltaError as error:
                raise Unavailable(f"could not vacuum {self._path(table)}: {error}") from error
        return len(gone)

    def _rows(
        self,
        table: str,
        files: list[DataFile],
        schema: pa.Schema,
        columns: list[str] | None,
        only: ds.Expression | None,
    ) -> pa.Table:
        return read_parquet(files, schema, self._path(table), columns=columns, only=only)

    def _path(self, table: str) -> Path:
        return self._root / table

    def _lock(self, table: str) -> threading.RLock:
        with self._guard:
            return self._locks.setdefault(table, threading.RLock())

    def _open(self, table: str) -> DeltaTable:
        path = self._path(table)
        try:
            if (handle := self._tables.get(table)) is None:
                handle = self._tables[table] = DeltaTable(str(path))
            else:
                handle.update_incremental()
            refuse_unreadable(handle, path)
        except (TableNotFoundError, FileNotFoundError) as error:
            self._tables.pop(table, None)
            if (path / "_delta_log").is_dir():
                raise Unavailable(f"the Delta log of {path} cannot be read: {error}") from error
            raise self._not_found(table) from error
        except (DeltaError, OSError, ValueError) as error:
            self._tables.pop(table, None)
            raise Unavailable(f"the Delta log of {path} cannot be read: {error}") from error
        return handle

    def _not_found(self, table: str) -> NotFound:
        if next(self._path(table).rglob("*.parquet"), None) is not None:
            what = f"{self._path(table)} has Parquet files and no Delta log"
            return NotFound(what, hint="its writer did not finish: write it again, or open it as plain Parquet")
        known = ", ".join(self.tables()) or "none yet"
        return NotFound(f"no table {table!r} in the offline store at {self._path(table)}", hint=f"tables: {known}")


def _arrow_schema(handle: DeltaTable) -> pa.Schema:
    schema: pa.Schema = pa.schema(handle.schema().to_arrow())
    return pa.schema([pa.field(f.name, plain_type(f.type)) for f in schema if f.name != PARTITION])


def _with_partition(rows: pa.Table, handle: DeltaTable | None) -> pa.Table:
    partitioned = handle is None or PARTITION in handle.metadata().partition_columns
    time_column = next((name for name in _TIME_COLUMNS if name in rows.column_names), None)
    if not partitioned or time_column is None:
        return rows
    return rows.append_column(PARTITION, rows[time_column].cast(pa.date32()).cast(pa.string()))
