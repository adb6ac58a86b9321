"""An offline store as it was: every table at one version, whatever is appended meanwhile."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

import polars as pl
import pyarrow as pa

from foundation.errors import Conflict, Forbidden, InvalidInput
from platform_core.features.offline.arrow import plain_type
from platform_core.features.offline.port import ArrivalFeed, OfflineStore

_EVER = datetime(1970, 1, 1, tzinfo=UTC)


class PinnedOfflineStore(OfflineStore):
    """Reads each table at the version it had when it was first asked for, or at the one in `versions`.

    A read takes a version's rows of the time in question into memory with all their columns. Raises ArrivalsForgotten
    where the store no longer has a version.
    """

    def __init__(self, store: ArrivalFeed, versions: Mapping[str, int] | None = None) -> None:
        self._store = store
        self._fixed = None if versions is None else dict(versions)
        self.versions: dict[str, int] = {}
        """Of the tables that were read."""

    def append(self, table: str, rows: pa.Table) -> int:
        raise Forbidden(f"table {table!r} is read as it was", hint="nothing is appended to the past")

    def read(
        self,
        table: str,
        *,
        start: datetime | None = None,
        end: datetime | None = None,
        columns: list[str] | None = None,
        time_column: str = "event_ts",
    ) -> pa.Table:
        rows = self._store.read_version(table, self._pin(table), start=start or _EVER, time_column=time_column)
        for name in columns or ():
            if name not in rows.column_names:
                raise InvalidInput(f"table {table!r} has no column {name!r}")
        frame = pl.DataFrame(rows)
        if end is not None:
            frame = frame.filter(pl.col(time_column) < end)
        found = (frame if columns is None else frame.select(columns)).to_arrow()
        return found.cast(pa.schema([pa.field(f.name, plain_type(f.type)) for f in found.schema]))

    def schema(self, table: str) -> pa.Schema:
        return self._store.schema(table)

    def tables(self) -> list[str]:
        return self._store.tables()

    def _pin(self, table: str) -> int:
        if table not in self.versions:
            if self._fixed is not None and table not in self._fixed:
                raise Conflict(f"table {table!r} was not read then", hint="the plan or the catalog is another one")
            self.versions[table] = self._store.version(table) if self._fixed is None else self._fixed[table]
        return self.versions[table]
