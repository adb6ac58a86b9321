"""The audit log in SQL: one gap-free sequence, hash-chained and hashed into a Merkle tree.

On SQLite, where writers take turns at the one write lock in any case, an append links its entry itself. On PostgreSQL
it leaves the entry in the intake, durable with the caller's commit, and the sequencer links it (`audit.sequencer`,
docs/adr/0013). What reads the log sequences what waits first, so that everybody reads what they wrote; a role
that may only hand in reads what the worker has placed.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.exc import SQLAlchemyError

from audit.chain import HEAD, Content, TreeHead, has_intake, head_of, link, read_head, split_frontier
from audit.entry import AuditEntry, AuditRecord
from audit.kinds import personal_fields
from audit.leaf import iso, parse_json
from audit.port import AuditLog, Sealing
from audit.sequencer import integrate_if_allowed
from audit.tables import audit_entries
from foundation.canonical import canonical_bytes
from foundation.clock import Clock
from foundation.database import explain, reading, sqlite_driver, sqlite_transaction, transaction
from foundation.errors import InvalidInput, Unavailable

__all__ = ["SqlAuditLog", "TreeHead", "split_frontier"]

_CONTENT = ", ".join(Content._fields)
# Driver SQL: composing these anew for each entry costs more than running them.
_INSERT = (
    f"INSERT INTO audit_entries (sequence, {_CONTENT}, previous_hash, leaf_hash, frontier) "  # noqa: S608 - constants
    f"VALUES ({', '.join('?' * 11)})"
)
_HAND_IN = f"INSERT INTO audit_intake ({_CONTENT}) VALUES ({', '.join(['%s'] * 7)})"  # noqa: S608 - constants


class SqlAuditLog(AuditLog):
    """AuditLog over the tables of `audit.tables`, on SQLite and PostgreSQL. `sealing` encrypts what is personal."""

    def __init__(self, engine: Engine, clock: Clock, *, sealing: Sealing | None = None) -> None:
        self._engine = engine
        self._clock = clock
        self._sealing = sealing

    def append(self, record: AuditRecord, *, connection: Connection | None = None) -> None:
        self.append_all((record,), connection=connection)

    def append_all(self, records: Sequence[AuditRecord], *, connection: Connection | None = None) -> None:
        """As `append`, for several that belong together: all of them in order, or none."""
        if not records:
            return
        for record in records:
            _refuse_nul(record)
        try:
            if connection is not None:
                self._append(connection, records)
            elif has_intake(self._engine) or self._seals(records):
                with transaction(self._engine) as own:
                    self._append(own, records)
            else:
                payloads = [_payload(record) for record in records]
                with sqlite_transaction(self._engine) as driver:
                    self._link(driver, records, payloads)
        except (SQLAlchemyError, sqlite3.Error, OSError, Unavailable) as error:
            said = explain(error) if isinstance(error, SQLAlchemyError) else str(getattr(error, "message", error))
            raise Unavailable(
                f"the audit log could not be written: {said}", hint="nothing was done; check the database and its disk"
            ) from error

    def entries(
        self, *, start: int = 0, limit: int | None = None, incident_id: str | None = None, opened: bool = True
    ) -> list[AuditEntry]:
        """Entries with sequence >= `start`, oldest first, at most `limit`.

        With `opened`, sealed fields are decrypted where their key still exists; without, they are as they were hashed.
        """
        integrate_if_allowed(self._engine)
        query = sa.select(audit_entries).where(audit_entries.c.sequence >= start).order_by(audit_entries.c.sequence)
        if incident_id is not None:
            query = query.where(audit_entries.c.incident_id == incident_id)
        with reading(self._engine) as connection:
            found = [_entry(row) for row in connection.execute(query.limit(limit))]
            if self._sealing is None or not opened:
                return found
            return [self._sealing.opened(connection, entry) for entry in found]

    def head(self) -> TreeHead:
        """Size and root of the tree over everything that has its place: everything appended so far, unless this
        process's role may not give places (`pending` in `verify_log`)."""
        integrate_if_allowed(self._engine)
        with reading(self._engine) as connection:
            return read_head(connection).tree

    def leaf_hashes(self, *, limit: int | None = None) -> list[bytes]:
        """The first `limit` leaf hashes in order: what `audit.merkle` makes proofs from."""
        integrate_if_allowed(self._engine)
        query = sa.select(audit_entries.c.leaf_hash).order_by(audit_entries.c.sequence).limit(limit)
        with reading(self._engine) as connection:
            return [bytes.fromhex(text) for text in connection.scalars(query)]

    def _append(self, connection: Connection, records: Sequence[AuditRecord]) -> None:
        if self._sealing is not None:
            records = [self._sealing.sealed(connection, record) for record in records]
        payloads = [_payload(record) for record in records]
        if not has_intake(connection):
            self._link(sqlite_driver(connection), records, payloads)
            return
        moment = datetime.fromisoformat(iso(self._clock.now()))
        rows = [(moment, *_said(record), payload) for record, payload in zip(records, payloads, strict=True)]
        connection.exec_driver_sql(_HAND_IN, rows)

    def _link(self, driver: sqlite3.Connection, records: Sequence[AuditRecord], payloads: Sequence[str]) -> None:
        """On SQLite. The transaction holds the write lock from its BEGIN IMMEDIATE: nobody else reads this head and
        adds to it."""
        head = head_of(driver.execute(HEAD).fetchone())
        at = iso(self._clock.now())
        for record, payload in zip(records, payloads, strict=True):
            content = Content(at, *_said(record), payload)
            placed, head = link(head, content)
            driver.execute(_INSERT, (placed[0], *content, *placed[1:]))

    def _seals(self, records: Sequence[AuditRecord]) -> bool:
        return self._sealing is not None and any(personal_fields(record.action) for record in records)


def _payload(record: AuditRecord) -> str:
    return canonical_bytes(record.payload).decode()


def _said(record: AuditRecord) -> tuple[str, str, str, str | None, str | None]:
    """In the order of `Content`."""
    return record.action, record.actor, record.subject, record.tenant, record.incident_id


def _entry(row: sa.Row[tuple[object, ...]]) -> AuditEntry:
    values = row._mapping  # pyright: ignore[reportPrivateUsage] - the documented name of SQLAlchemy's row mapping
    record = {name: values[name] for name in AuditRecord.model_fields if name != "payload"}
    return AuditEntry(
        sequence=values["sequence"],
        recorded_at=values["recorded_at"],
        record=AuditRecord(payload=parse_json(values["payload"]), **record),
        previous_hash=values["previous_hash"],
        leaf_hash=values["leaf_hash"],
    )


def _refuse_nul(record: AuditRecord) -> None:
    everything = f"{record.actor}{record.subject}{record.tenant}{record.incident_id}"
    if "\x00" not in everything and everything.isascii():
        return
    for name in ("actor", "subject", "tenant", "incident_id"):
        text = getattr(record, name) or ""
        if "\x00" in text:
            raise InvalidInput(f"an audit record's {name} holds a NUL character, which PostgreSQL cannot store")
        try:
            text.encode()
        except UnicodeEncodeError as error:
            raise InvalidInput(f"an audit record's {name} holds text that is not Unicode: {error}") from error
