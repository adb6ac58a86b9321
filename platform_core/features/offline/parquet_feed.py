"""Parquet files with what arrived when, as far as files tell: a file arrives when it is written.

A version is the modification time of the newest file, in microseconds. A file that is written again arrives again, as
a whole; materializing it twice changes nothing. Files of the last second are left for the next look: a file system's
clock is coarse, and another one may still be written at the same tick.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import pyarrow as pa

from platform_core.features.offline.parquet import ParquetOfflineStore
from platform_core.features.offline.parquet_scan import DataFile, between, read_parquet
from platform_core.features.offline.port import ArrivalFeed

SETTLED_NS = 1_000_000_000


class ParquetFeed(ParquetOfflineStore, ArrivalFeed):
    """`wall_ns` is the wall clock that the file system has."""

    def __init__(self, root: Path, *, wall_ns: Callable[[], int] = time.time_ns) -> None:
        super().__init__(root)
        self._root = root
        self._wall_ns = wall_ns

    def version(self, table: str) -> int:
        return max((written for written, _ in self._arrived(table)), default=0)

    def read_version(self, table: str, version: int, *, start: datetime, time_column: str = "event_ts") -> pa.Table:
        files = [file for written, file in self._arrived(table) if written <= version]
        schema = self.schema(table)
        only = between(time_column, start, None) if time_column in schema.names else None
        kept = files if time_column in schema.names else []
        return read_parquet(kept, schema, self._root / table, columns=None, only=only)

    def appended(self, table: str, *, after: int) -> list[tuple[int, pa.Table]]:
        schema, versions = self.schema(table), dict[int, list[DataFile]]()
        for written, file in self._arrived(table):
            if written > after:
                versions.setdefault(written, []).append(file)
        where = self._root / table
        return [(v, read_parquet(versions[v], schema, where, columns=None, only=None)) for v in sorted(versions)]

    def _arrived(self, table: str) -> list[tuple[int, DataFile]]:
        """When each file was written (microseconds), and the file."""
        settled = self._wall_ns() - SETTLED_NS
        stamped = [(Path(file.path).stat().st_mtime_ns, file) for file in self._files(table)]
        return [(written // 1000, file) for written, file in stamped if written <= settled]
