"""The online store on SQLite: its own file, write-ahead log, one packed row per (tenant, view, key)."""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from foundation.errors import Unavailable
from platform_core.features.online import codec
from platform_core.features.online.port import FeatureRow, OnlineRow

_SCHEMA = """
CREATE TABLE IF NOT EXISTS feature_lists (id TEXT PRIMARY KEY, names TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS online_rows (
  tenant TEXT NOT NULL, view TEXT NOT NULL, key TEXT NOT NULL,
  event_us INTEGER NOT NULL, created_us INTEGER NOT NULL, written INTEGER NOT NULL,
  list TEXT NOT NULL, blob BLOB NOT NULL,
  PRIMARY KEY (tenant, view, key)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS online_rows_newest ON online_rows (tenant, view, event_us);
CREATE INDEX IF NOT EXISTS online_rows_written ON online_rows (tenant, view, written);
"""
_UPSERT = """
INSERT INTO online_rows VALUES (?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (tenant, view, key) DO UPDATE SET event_us = excluded.event_us, created_us = excluded.created_us,
  written = excluded.written, list = excluded.list, blob = excluded.blob
"""
_IF_NEWER = "WHERE (excluded.event_us, excluded.created_us) > (online_rows.event_us, online_rows.created_us)"
_ONE_ROW = "SELECT view, key, event_us, list, blob FROM online_rows WHERE tenant = ? AND view = ? AND key = ?"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


class SqliteOnlineStore:
    """Implements `OnlineStore`. Each thread has its own connection: readers never wait for the writer (WAL).

    `synchronous=NORMAL`: a crash of the machine may lose the last moments, which materialization writes again.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._local = threading.local()
        self._lists: dict[str, tuple[str, ...]] = {}
        path.parent.mkdir(parents=True, exist_ok=True)
        with self._connection() as connection:
            connection.executescript(_SCHEMA)

    def write(self, tenant: str, view: str, rows: Sequence[FeatureRow]) -> int:
        return self._store(tenant, view, rows, _UPSERT + _IF_NEWER)

    def restore(self, tenant: str, view: str, rows: Sequence[FeatureRow]) -> int:
        return self._store(tenant, view, rows, _UPSERT)

    def read(
        self, tenant: str, keys: Sequence[tuple[str, str]], *, now: datetime, ttls: Mapping[str, timedelta]
    ) -> list[OnlineRow]:
        if not keys:
            return []
        # One primary key look-up per key; a disjunction over pairs would scan the tenant.
        query = " UNION ALL ".join([_ONE_ROW] * len(keys))
        with self._connection() as connection:
            found = connection.execute(query, [part for pair in keys for part in (tenant, *pair)]).fetchall()
            rows = {
                (view, key): (event_us, self._names(connection, ref), blob) for view, key, event_us, ref, blob in found
            }
        answer: list[OnlineRow] = []
        for view, key in keys:
            if (row := rows.get((view, key))) is None:
                answer.append(OnlineRow(view, key, "missing", None, {}))
                continue
            event_ts = _time(row[0])
            expired = view in ttls and now - event_ts > ttls[view]
            values = {} if expired else codec.unpack(row[2], row[1])
            answer.append(OnlineRow(view, key, "expired" if expired else "present", event_ts, values))
        return answer

    def newest_event(self, tenant: str, view: str) -> datetime | None:
        with self._connection() as connection:
            query = "SELECT max(event_us) FROM online_rows WHERE tenant = ? AND view = ?"
            newest = connection.execute(query, (tenant, view)).fetchone()[0]
        return None if newest is None else _time(newest)

    def sample(self, tenant: str, view: str, limit: int) -> list[FeatureRow]:
        query = """SELECT key, event_us, created_us, list, blob FROM online_rows
                   WHERE tenant = ? AND view = ? ORDER BY written DESC, key LIMIT ?"""
        with self._connection() as connection:
            found = connection.execute(query, (tenant, view, limit)).fetchall()
            return [
                FeatureRow(key, _time(event), _time(created), codec.unpack(blob, self._names(connection, ref)))
                for key, event, created, ref, blob in found
            ]

    def _store(self, tenant: str, view: str, rows: Sequence[FeatureRow], statement: str) -> int:
        if not rows:
            return 0
        with self._connection() as connection:
            connection.execute("BEGIN IMMEDIATE")
            try:
                query = "SELECT coalesce(max(written), 0) + 1 FROM online_rows WHERE tenant = ? AND view = ?"
                written = connection.execute(query, (tenant, view)).fetchone()[0]
                encoded = self._encoded(connection, tenant, view, rows, written)
                changed = connection.total_changes
                connection.executemany(statement, encoded)
                stored = connection.total_changes - changed
                connection.execute("COMMIT")
            except BaseException:
                connection.execute("ROLLBACK")
                raise
        return stored

    def _encoded(
        self, connection: sqlite3.Connection, tenant: str, view: str, rows: Sequence[FeatureRow], written: int
    ) -> list[tuple[object, ...]]:
        names: tuple[str, ...] = ()
        reference, encoded = "", []
        for row in rows:
            if not reference or tuple(row.values) != names:
                names = tuple(row.values)
                reference = codec.schema_id(names)
                connection.execute("INSERT OR IGNORE INTO feature_lists VALUES (?, ?)", (reference, json.dumps(names)))
            blob = codec.pack(row.values, names)
            encoded.append((tenant, view, row.key, _us(row.event_ts), _us(row.created_ts), written, reference, blob))
        return encoded

    def _names(self, connection: sqlite3.Connection, reference: str) -> tuple[str, ...]:
        if reference not in self._lists:
            names = connection.execute("SELECT names FROM feature_lists WHERE id = ?", (reference,)).fetchone()
            if names is None:
                raise Unavailable(f"online store {str(self._path)!r} lacks feature list {reference!r}")
            self._lists[reference] = tuple(json.loads(names[0]))
        return self._lists[reference]

    @contextmanager
    def _connection(self) -> Generator[sqlite3.Connection]:
        try:
            connection: sqlite3.Connection | None = getattr(self._local, "connection", None)
            if connection is None:
                connection = sqlite3.connect(self._path, isolation_level=None, timeout=30, check_same_thread=False)
                connection.execute("PRAGMA journal_mode=WAL")
                connection.execute("PRAGMA synchronous=NORMAL")
                self._local.connection = connection
            yield connection
        except sqlite3.Error as error:
            hint = "check that the file is writable and the disk not full"
            raise Unavailable(f"online store {str(self._path)!r} did not answer: {error}", hint=hint) from error


def _us(value: datetime) -> int:
    return (value - _EPOCH) // _MICROSECOND


def _time(us: int) -> datetime:
    return _EPOCH + timedelta(microseconds=us)
