"""The offline store on plain Parquet: a directory of files, or one file, per table below a root.

For tables that others write, read in place, and for installations without Delta. It does not tell what arrived when
(`ArrivalFeed`): the embedded platform itself works on Delta.

A directory with a Delta log is a Delta table whoever opened it: its files hold rows that the log has deleted, so that
it is read and appended to through its log.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from foundation.errors import InvalidInput, NotFound, Unavailable
from foundation.ids import new_id
from platform_core.features.offline.arrow import conform, plain_type
from platform_core.features.offline.delta import DeltaOfflineStore
from platform_core.features.offline.parquet_scan import DataFile, between, read_parquet, scan_parquet
from platform_core.features.offline.port import OfflineStore


class ParquetOfflineStore(OfflineStore):
    def __init__(self, root: Path) -> None:
        self._root = root
        self._delta = DeltaOfflineStore(root)

    def append(self, table: str, rows: pa.Table) -> int:
        if not table or "/" in table or table.startswith("."):
            raise InvalidInput(f"{table!r} is not a table name")
        if self._has_log(table):
            return self._delta.append(table, rows)
        path = self._root / table
        known = self.schema(table) if path.is_dir() and self._files(table) else None
        rows = conform(rows, known, table)
        name = f"{new_id('part')}.parquet"
        try:
            path.mkdir(parents=True, exist_ok=True)
            unfinished = path / f".{name}.unfinished"  # no reader looks at names with a dot
            pq.write_table(rows, unfinished)
            unfinished.rename(path / name)
        except OSError as error:
            raise Unavailable(
                f"could not append to {path}: {error}", hint="is there room, and may we write?"
            ) from error
        return len(self._files(table))

    def read(
        self,
        table: str,
        *,
        start: datetime | None = None,
        end: datetime | None = None,
        columns: list[str] | None = None,
        time_column: str = "event_ts",
    ) -> pa.Table:
        if self._has_log(table):
            return self._delta.read(table, start=start, end=end, columns=columns, time_column=time_column)
        files, schema = self._checked(table, columns, [time_column] if start or end else [])
        only = between(time_column, start, end)
        return read_parquet(files, schema, self._root / table, columns=columns, only=only)

    def scan(
        self,
        table: str,
        *,
        start: datetime | None = None,
        end: datetime | None = None,
        columns: Sequence[str] | None = None,
        time_column: str = "event_ts",
    ) -> Iterator[pa.RecordBatch]:
        if self._has_log(table):
            return self._delta.scan(table, start=start, end=end, columns=columns, time_column=time_column)
        files, schema = self._checked(table, columns, [time_column] if start or end else [])
        only = between(time_column, start, end)
        return scan_parquet(files, schema, self._root / table, columns=columns, only=only)

    def schema(self, table: str) -> pa.Schema:
        if self._has_log(table):
            return self._delta.schema(table)
        schemas = [_schema(Path(file.path)) for file in self._files(table)]
        try:
            return pa.unify_schemas(schemas, promote_options="permissive")
        except pa.ArrowException as error:
            path = self._root / table
            raise Unavailable(f"the files of {path} disagree: {error}", hint="rewrite them with one type") from error

    def tables(self) -> list[str]:
        if not self._root.is_dir():
            return []
        plain = {p.stem for p in self._root.glob("*.parquet")} | {p.parent.name for p in self._root.glob("*/*.parquet")}
        return sorted(plain | set(self._delta.tables()))

    def _has_log(self, table: str) -> bool:
        return (self._root / table / "_delta_log").is_dir()

    def _files(self, table: str) -> list[DataFile]:
        """Raises NotFound when there are none."""
        single = self._root / f"{table}.parquet"
        paths = [single] if single.is_file() else sorted((self._root / table).rglob("*.parquet"))
        files = [DataFile(str(p)) for p in paths if not p.name.startswith((".", "_"))]
        if not files:
            known = ", ".join(self.tables()) or "none yet"
            path = self._root / table
            raise NotFound(f"no table {table!r} in the offline store at {path}", hint=f"tables: {known}")
        return files

    def _checked(self, table: str, columns: Sequence[str] | None, more: list[str]) -> tuple[list[DataFile], pa.Schema]:
        files, schema = self._files(table), self.schema(table)
        for name in [*(columns or ()), *more]:
            if name not in schema.names:
                hint = f"it has {', '.join(schema.names)}"
                raise InvalidInput(f"table {table!r} has no column {name!r}", hint=hint)
        return files, schema


def _schema(path: Path) -> pa.Schema:
    """The file's schema in plain types. Raises Unavailable, and InvalidInput for times without a zone."""
    try:
        schema = pq.read_schema(path)
    except (OSError, pa.ArrowException) as error:
        hint = "it is half-written or damaged: write it again, or take it away"
        raise Unavailable(f"could not read {path}: {error}", hint=hint) from error
    for field in schema:
        if pa.types.is_timestamp(field.type) and field.type.tz is None:
            hint = "write it as timestamp[us, UTC]"
            raise InvalidInput(f"column {field.name!r} of {path} has times without a zone", hint=hint)
    return pa.schema([pa.field(f.name, plain_type(f.type)) for f in schema])
