"""Parquet files with what arrived when, as far as files tell: a file arrives when it is written.

A version is the modification time of the newest file, in microseconds. A file that is written again arrives again, as
a whole; materializing it twice changes nothing. Files of the last second are left for the next look: a file system's
clock is coarse, and another one may still be written at the same tick. Where there are no others, that second is waited
for: a first load would read them, and they would arrive once more just after it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.dataset as ds

from platform_core.features.offline.parquet import ParquetOfflineStore
from platform_core.features.offline.parquet_scan import DataFile, between, read_parquet, scan_parquet
from platform_core.features.offline.port import ArrivalFeed

SETTLED_NS = 1_000_000_000


class ParquetFeed(ParquetOfflineStore, ArrivalFeed):
    """`wall_ns` is the wall clock that the file system has; `pause` waits so many seconds of it."""

    def __init__(
        self,
        root: Path,
        *,
        wall_ns: Callable[[], int] = time.time_ns,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        super().__init__(root)
        self._root = root
        self._wall_ns = wall_ns
        self._pause = pause

    def version(self, table: str) -> int:
        arrived = self._arrived(table)
        if not arrived:
            age = self._wall_ns() - max(Path(file.path).stat().st_mtime_ns for file in self._files(table))
            if 0 <= age < SETTLED_NS:  # one from the future would be waited for again and again
                self._pause((SETTLED_NS - age) / 1e9)
                arrived = self._arrived(table)
        return max((written for written, _ in arrived), default=0)

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
        files, schema, only = self._files_at(table, version, start, end, time_column)
        return read_parquet(files, schema, self._root / table, columns=columns, only=only)

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
        files, schema, only = self._files_at(table, version, start, end, time_column)
        return scan_parquet(files, schema, self._root / table, columns=columns, only=only)

    def _files_at(
        self, table: str, version: int, start: datetime, end: datetime | None, time_column: str
    ) -> tuple[list[DataFile], pa.Schema, ds.Expression | None]:
        schema = self.schema(table)
        if time_column not in schema.names:
            return [], schema, None
        files = [file for written, file in self._arrived(table) if written <= version]
        return files, schema, between(time_column, start, end)

    def appended(self, table: str, *, after: int) -> Iterator[tuple[int, pa.Table]]:
        schema, where = self.schema(table), self._root / table
        arrived = sorted((a for a in self._arrived(table) if a[0] > after), key=lambda a: a[0])
        return (
            (written, pa.Table.from_batches([batch]))
            for written, file in arrived
            for batch in scan_parquet([file], schema, where)
        )

    def _arrived(self, table: str) -> list[tuple[int, DataFile]]:
        """When each file was written (microseconds), and the file."""
        settled = self._wall_ns() - SETTLED_NS
        stamped = [(Path(file.path).stat().st_mtime_ns, file) for file in self._files(table)]
        return [(written // 1000, file) for written, file in stamped if written <= settled]
