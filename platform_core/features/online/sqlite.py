"""The online store on SQLite: its own file, write-ahead log, one packed row per (tenant, view, key)."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from itertools import repeat
from pathlib import Path

from foundation.clock import Clock
from foundation.errors import Unavailable
from platform_core.features.clock_skew import MAX_CLOCK_SKEW
from platform_core.features.online.layout import Layout, PackedRows
from platform_core.features.online.packed_store import PackedStore
from platform_core.features.values import moment

_SCHEMA = """
CREATE TABLE IF NOT EXISTS layouts (id BLOB PRIMARY KEY, document TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS scopes (
  id INTEGER PRIMARY KEY, tenant TEXT NOT NULL, view TEXT NOT NULL, UNIQUE (tenant, view)
);
CREATE TABLE IF NOT EXISTS packed_rows (
  scope INTEGER NOT NULL, key TEXT NOT NULL, event_us INTEGER NOT NULL, created_us INTEGER NOT NULL,
  written INTEGER NOT NULL, blob BLOB NOT NULL, PRIMARY KEY (scope, key)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS stamps (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS packed_rows_newest ON packed_rows (scope, event_us);
CREATE INDEX IF NOT EXISTS packed_rows_written ON packed_rows (scope, written);
"""
_UPSERT = """
INSERT INTO packed_rows VALUES (?, ?, ?, ?, ?, ?)
ON CONFLICT (scope, key) DO UPDATE SET event_us = excluded.event_us, created_us = excluded.created_us,
  written = excluded.written, blob = excluded.blob
"""
_IF_NEWER = """WHERE packed_rows.event_us > {horizon}
  OR (excluded.event_us, excluded.created_us) > (packed_rows.event_us, packed_rows.created_us)"""
_ONE = "SELECT blob FROM packed_rows WHERE scope = ? AND key = ?"
_MOST_PARAMETERS = 30_000
"""SQLite takes 32,766 in one statement."""


class SqliteOnlineStore(PackedStore):
    """Implements `OnlineStore`. Each thread has its own connection: readers never wait for the writer (WAL).

    `synchronous=NORMAL`: a crash of the machine may lose the last moments, which materialization writes again.
    """

    def __init__(self, path: Path, *, clock: Clock | None = None, max_ahead: timedelta = MAX_CLOCK_SKEW) -> None:
        super().__init__(clock, max_ahead)
        self.address = str(path)
        self._path = path
        self._local = threading.local()
        self._scopes: dict[tuple[str, str], int] = {}
        path.parent.mkdir(parents=True, exist_ok=True)
        with self._connection() as connection:
            connection.executescript(_SCHEMA)

    @property
    def embedded(self) -> bool:
        return True

    def claim(self, environment: str) -> str:
        query = "SELECT value FROM stamps WHERE name = 'environment'"
        with self._connection() as connection:
            found = connection.execute(query).fetchone()
            if found is None:  # only now: an insert waits for whoever writes rows
                connection.execute("INSERT OR IGNORE INTO stamps VALUES ('environment', ?)", (environment,))
                found = connection.execute(query).fetchone()
        return str(found[0])

    def newest_event(self, tenant: str, view: str) -> datetime | None:
        with self._connection() as connection:
            query = "SELECT max(event_us) FROM packed_rows WHERE scope = ?"
            newest = connection.execute(query, (self._scope(connection, tenant, view),)).fetchone()[0]
        return None if newest is None else moment(newest)

    def _put(
        self,
        tenant: str,
        view: str,
        rows: PackedRows,
        layouts: Sequence[Layout],
        *,
        horizon_us: int,
        force: bool,
    ) -> int:
        statement = _UPSERT if force else _UPSERT + _IF_NEWER.format(horizon=horizon_us)
        with self._connection() as connection:
            connection.execute("BEGIN IMMEDIATE")
            try:
                connection.execute("INSERT OR IGNORE INTO scopes (tenant, view) VALUES (?, ?)", (tenant, view))
                documents = [(layout.id, layout.document) for layout in layouts]
                connection.executemany("INSERT OR IGNORE INTO layouts VALUES (?, ?)", documents)
                scope = self._scope(connection, tenant, view)
                query = "SELECT coalesce(max(written), 0) + 1 FROM packed_rows WHERE scope = ?"
                written = connection.execute(query, (scope,)).fetchone()[0]
                changed = connection.total_changes
                of, at = repeat(scope), repeat(written)
                values = zip(
                    of, rows.keys, rows.event_us.tolist(), rows.created_us.tolist(), at, rows.blobs, strict=False
                )
                connection.executemany(statement, values)
                stored = connection.total_changes - changed
                connection.execute("COMMIT")
            except BaseException:
                connection.execute("ROLLBACK")
                raise
            self._scopes[tenant, view] = scope
        return stored

    def _fetch(self, tenant: str, wanted: Sequence[tuple[str, Sequence[str]]]) -> list[bytes | None]:
        if len(wanted) == 1 and len(wanted[0][1]) == 1:
            return [self._fetch_one(tenant, *wanted[0])]
        with self._connection() as connection:
            scopes = [self._scope(connection, tenant, view) for view, _ in wanted]
            asked = [(scope, key) for scope, (_, keys) in zip(scopes, wanted, strict=True) for key in keys]
            found: dict[tuple[int, str], bytes] = {}
            if len(asked) <= _MOST_PARAMETERS:
                found = self._look_up(connection, [(s, keys) for s, (_, keys) in zip(scopes, wanted, strict=True)])
            else:
                for scope, (_, keys) in zip(scopes, wanted, strict=True):
                    for start in range(0, len(keys), _MOST_PARAMETERS):
                        found |= self._look_up(connection, [(scope, keys[start : start + _MOST_PARAMETERS])])
        return [found.get(pair) for pair in asked]

    def _fetch_one(self, tenant: str, view: str, keys: Sequence[str]) -> bytes | None:
        """What a scoring request asks most: nothing around the look-up that it can do without."""
        try:
            # The thread's own cursor: there is at most one row, so that no read stays open behind it.
            found = self._local.cursor.execute(_ONE, (self._scopes[tenant, view], keys[0])).fetchone()
        except (KeyError, AttributeError):  # the first look at the scope, or of this thread
            with self._connection() as connection:
                found = connection.execute(_ONE, (self._scope(connection, tenant, view), keys[0])).fetchone()
        except sqlite3.Error as error:
            raise self._unavailable(error) from error
        return None if found is None else found[0]

    def _look_up(
        self, connection: sqlite3.Connection, wanted: Sequence[tuple[int, Sequence[str]]]
    ) -> dict[tuple[int, str], bytes]:
        """One statement, in which each key is one look-up in the primary key."""
        parts: list[str] = []
        parameters: list[object] = []
        for scope, keys in wanted:
            marks = ",".join("?" * len(keys))
            parts.append(f"SELECT scope, key, blob FROM packed_rows WHERE scope = {scope} AND key IN ({marks})")  # noqa: S608
            parameters += keys
        return {(scope, key): blob for scope, key, blob in connection.execute(" UNION ALL ".join(parts), parameters)}

    def _last_written(self, tenant: str, view: str, limit: int) -> list[tuple[str, bytes]]:
        query = "SELECT key, blob FROM packed_rows WHERE scope = ? ORDER BY written DESC, key LIMIT ?"
        with self._connection() as connection:
            return connection.execute(query, (self._scope(connection, tenant, view), limit)).fetchall()

    def _stored_layout(self, reference: bytes) -> str | None:
        with self._connection() as connection:
            found = connection.execute("SELECT document FROM layouts WHERE id = ?", (reference,)).fetchone()
        return None if found is None else found[0]

    def _scope(self, connection: sqlite3.Connection, tenant: str, view: str) -> int:
        """Its number; 0, which no row has, for one that nothing was written to."""
        known = self._scopes.get((tenant, view))
        if known is not None:
            return known
        query = "SELECT id FROM scopes WHERE tenant = ? AND view = ?"
        found = connection.execute(query, (tenant, view)).fetchone()
        if found is None:
            return 0
        if not connection.in_transaction:  # what a rolled back write made is not remembered
            self._scopes[tenant, view] = found[0]
        return found[0]

    @contextmanager
    def _connection(self) -> Generator[sqlite3.Connection]:
        try:
            connection: sqlite3.Connection | None = getattr(self._local, "connection", None)
            if connection is None:
                connection = sqlite3.connect(self._path, isolation_level=None, timeout=30, check_same_thread=False)
                connection.execute("PRAGMA journal_mode=WAL")
                connection.execute("PRAGMA synchronous=NORMAL")
                self._local.connection, self._local.cursor = connection, connection.cursor()
            yield connection
        except sqlite3.Error as error:
            raise self._unavailable(error) from error

    def _unavailable(self, error: sqlite3.Error) -> Unavailable:
        hint = "check that the file is writable and the disk not full"
        return Unavailable(f"online store {self.address!r} did not answer: {error}", hint=hint)
