"""An offline store as it was: every table at one version, whatever is appended meanwhile."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime

import pyarrow as pa

from foundation.errors import Conflict, Forbidden, InvalidInput
from platform_core.features.offline.port import ArrivalFeed, OfflineStore

_EVER = datetime(1970, 1, 1, tzinfo=UTC)


class PinnedOfflineStore(OfflineStore):
    """Reads each table at the version it had when it was first asked for, or at the one in `versions`.

    Columns and time are chosen where the files are read; what is scanned is never in memory as a whole. Raises
    ArrivalsForgotten where the store no longer has a version.
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
        pinned = self._pin(table)
        self._require_columns(table, columns)
        return self._store.read_version(
            table, pinned, start=start or _EVER, end=end, columns=columns, time_column=time_column
        )

    def scan(
        self,
        table: str,
        *,
        start: datetime | None = None,
        end: datetime | None = None,
        columns: Sequence[str] | None = None,
        time_column: str = "event_ts",
    ) -> Iterator[pa.RecordBatch]:
        pinned = self._pin(table)
        self._require_columns(table, columns)
        return self._store.scan_version(
            table, pinned, start=start or _EVER, end=end, columns=columns, time_column=time_column
        )

    def schema(self, table: str) -> pa.Schema:
        return self._store.schema(table)

    def tables(self) -> list[str]:
        return self._store.tables()

    def _require_columns(self, table: str, columns: Sequence[str] | None) -> None:
        known = set(self._store.schema(table).names)
        for name in columns or ():
            if name not in known:
                raise InvalidInput(f"table {table!r} has no column {name!r}")

    def _pin(self, table: str) -> int:
        if table not in self.versions:
            if self._fixed is not None and table not in self._fixed:
                raise Conflict(f"table {table!r} was not read then", hint="the plan or the catalog is another one")
            self.versions[table] = self._store.version(table) if self._fixed is None else self._fixed[table]
        return self.versions[table]
