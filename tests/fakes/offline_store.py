"""An offline store in memory."""

from __future__ import annotations

import threading
from datetime import datetime

import polars as pl
import pyarrow as pa

from foundation.errors import InvalidInput, NotFound, Unavailable
from platform_core.features.offline.arrow import conform, plain_type
from platform_core.features.offline.port import OfflineStore


class FakeOfflineStore(OfflineStore):
    """Tables as lists of batches; refuses to append while `down`."""

    def __init__(self, tables: dict[str, pa.Table] | None = None) -> None:
        self._tables = dict(tables or {})
        self._lock = threading.Lock()
        self.down = False
        self.appends = 0

    def append(self, table: str, rows: pa.Table) -> int:
        if self.down:
            raise Unavailable("the offline store is down")
        with self._lock:
            known = self._tables.get(table)
            rows = conform(rows, None if known is None else known.schema, table)
            self._tables[table] = (
                rows if known is None else pa.concat_tables([known, rows], promote_options="permissive")
            )
            self.appends += 1
            return self.appends

    def read(
        self,
        table: str,
        *,
        start: datetime | None = None,
        end: datetime | None = None,
        columns: list[str] | None = None,
        time_column: str = "event_ts",
    ) -> pa.Table:
        if table not in self._tables:
            raise NotFound(f"there is no table {table!r}")
        for name in columns or ():
            if name not in self._tables[table].column_names:
                raise InvalidInput(f"table {table!r} has no column {name!r}")
        frame = pl.DataFrame(self._tables[table])
        if start is not None:
            frame = frame.filter(pl.col(time_column) >= start)
        if end is not None:
            frame = frame.filter(pl.col(time_column) < end)
        return plain((frame if columns is None else frame.select(columns)).to_arrow())

    def schema(self, table: str) -> pa.Schema:
        if table not in self._tables:
            raise NotFound(f"there is no table {table!r}")
        return self._tables[table].schema

    def tables(self) -> list[str]:
        return sorted(self._tables)


def plain(rows: pa.Table) -> pa.Table:
    """With the types that stores keep: polars makes large strings of all."""
    return rows.cast(pa.schema([pa.field(f.name, plain_type(f.type)) for f in rows.schema]))
