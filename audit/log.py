"""The audit log in SQL: one gap-free sequence, hash-chained and hashed into a Merkle tree.

Order of locks: an append waits for the appends before it, so a transaction that changes rows of its own changes them
first and appends last.
"""

from __future__ import annotations

from typing import NamedTuple

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.exc import SQLAlchemyError

from audit import merkle
from audit.entry import AuditEntry, AuditRecord
from audit.leaf import FIRST_PREVIOUS_HASH, Leaf, iso, parse_json
from audit.port import AuditLog
from audit.tables import audit_entries
from foundation.canonical import canonical_bytes
from foundation.clock import Clock
from foundation.database import explain, reading, transaction
from foundation.errors import InvalidInput, Unavailable

_ADVISORY_KEY = 0x76696769_6C6F6731
"""Any fixed 64-bit number: the writers of this log, and nobody else, queue on it."""

# Built once: composing these anew for each entry costs as much as running them.
_QUEUE = sa.select(sa.func.pg_advisory_xact_lock(_ADVISORY_KEY))
_HEAD = (
    sa.select(audit_entries.c.sequence, audit_entries.c.leaf_hash, audit_entries.c.frontier)
    .order_by(audit_entries.c.sequence.desc())
    .limit(1)
)
_INSERT = sa.insert(audit_entries)


class TreeHead(NamedTuple):
    """The state of the whole log in two values. `root_hash` is hexadecimal."""

    size: int
    root_hash: str


class _Head(NamedTuple):
    size: int
    last_hash: str
    frontier: merkle.Frontier


class SqlAuditLog(AuditLog):
    """AuditLog over `audit_entries`, on SQLite and PostgreSQL."""

    def __init__(self, engine: Engine, clock: Clock) -> None:
        self._engine = engine
        self._clock = clock

    def append(self, record: AuditRecord, *, connection: Connection | None = None) -> AuditEntry:
        payload = canonical_bytes(record.payload).decode()
        _refuse_nul(record)
        try:
            if connection is not None:
                return self._append(connection, record, payload)
            with transaction(self._engine) as own:
                return self._append(own, record, payload)
        except (SQLAlchemyError, OSError) as error:
            said = explain(error) if isinstance(error, SQLAlchemyError) else str(error)
            raise Unavailable(
                f"the audit log could not be written: {said}", hint="nothing was done; check the database and its disk"
            ) from error

    def entries(self, *, start: int = 0, limit: int | None = None) -> list[AuditEntry]:
        """Entries with sequence >= `start`, oldest first, at most `limit`."""
        query = sa.select(audit_entries).where(audit_entries.c.sequence >= start).order_by(audit_entries.c.sequence)
        with reading(self._engine) as connection:
            return [_entry(row) for row in connection.execute(query.limit(limit))]

    def head(self) -> TreeHead:
        """Size and root of the tree over everything appended so far."""
        with reading(self._engine) as connection:
            head = _read_head(connection)
        return TreeHead(head.size, merkle.root_of(head.frontier).hex())

    def leaf_hashes(self) -> list[bytes]:
        """All leaf hashes in order: what `audit.merkle` makes inclusion and consistency proofs from."""
        query = sa.select(audit_entries.c.leaf_hash).order_by(audit_entries.c.sequence)
        with reading(self._engine) as connection:
            return [bytes.fromhex(text) for text in connection.scalars(query)]

    def _append(self, connection: Connection, record: AuditRecord, payload: str) -> AuditEntry:
        if connection.dialect.name == "postgresql":
            # One writer at a time reads the head and adds to it; released by commit or rollback. On SQLite the
            # transaction holds the write lock from its BEGIN IMMEDIATE.
            connection.execute(_QUEUE)
        head = _read_head(connection)
        recorded_at = self._clock.now()
        fields = record.model_dump(exclude={"payload"})
        leaf = Leaf(
            sequence=head.size,
            recorded_at=iso(recorded_at),
            payload=payload,
            previous_hash=head.last_hash,
            **fields,
        )
        leaf_hash = merkle.leaf_hash(leaf.encoded())
        values = {
            **leaf._asdict(),
            "recorded_at": recorded_at,
            "leaf_hash": leaf_hash.hex(),
            "frontier": b"".join(merkle.extend(head.frontier, head.size, leaf_hash)),
        }
        connection.execute(_INSERT, values)
        return AuditEntry(
            sequence=head.size,
            recorded_at=recorded_at,
            record=record,
            previous_hash=head.last_hash,
            leaf_hash=leaf_hash.hex(),
        )


def split_frontier(packed: bytes) -> merkle.Frontier:
    """The stored frontier as hashes."""
    return tuple(packed[at : at + merkle.HASH_BYTES] for at in range(0, len(packed), merkle.HASH_BYTES))


def _read_head(connection: Connection) -> _Head:
    row = connection.execute(_HEAD).one_or_none()
    if row is None:
        return _Head(0, FIRST_PREVIOUS_HASH, ())
    return _Head(row.sequence + 1, row.leaf_hash, split_frontier(row.frontier))


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
    for name in ("actor", "subject", "tenant", "incident_id"):
        if "\x00" in (getattr(record, name) or ""):
            raise InvalidInput(f"an audit record's {name} holds a NUL character, which PostgreSQL cannot store")
