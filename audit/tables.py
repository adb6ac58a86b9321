"""Where entries and signed checkpoints are stored. All of these tables refuse UPDATE and DELETE (`audit.triggers`)."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy import event

from audit.triggers import APPEND_ONLY_TABLES, statements_for
from foundation.database import UtcDateTime, metadata


def _content() -> list[sa.Column[object]]:
    """What an entry says. The payload is canonical JSON as text, not JSONB: what was hashed is what is stored."""
    return [
        sa.Column("recorded_at", UtcDateTime, nullable=False),
        sa.Column("action", sa.String(80), nullable=False),
        sa.Column("actor", sa.String(200), nullable=False),
        sa.Column("subject", sa.String(400), nullable=False),
        sa.Column("tenant", sa.String(80)),
        sa.Column("incident_id", sa.String(80), index=True),
        sa.Column("payload", sa.Text, nullable=False),
    ]


audit_entries = sa.Table(
    "audit_entries",
    metadata,
    sa.Column("sequence", sa.BigInteger, primary_key=True, autoincrement=False),
    *_content(),
    sa.Column("previous_hash", sa.String(64), nullable=False),
    sa.Column("leaf_hash", sa.String(64), nullable=False),
    # Roots of the perfect subtrees that the first `sequence + 1` leaves fall into, largest first, 32 bytes each: all
    # that is needed to append the next leaf and to know the tree's root, so an append reads this row and no other.
    sa.Column("frontier", sa.LargeBinary, nullable=False),
    # The intake row it was sequenced from; null where writers link their own entries (SQLite).
    sa.Column("intake_id", sa.BigInteger),
    sa.Index("ix_audit_entries_intake_id", "intake_id", unique=True, sqlite_where=sa.text("intake_id IS NOT NULL")),
)

audit_intake = sa.Table(
    "audit_intake",
    metadata,
    # SQLite counts in a column of type INTEGER only.
    sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), sa.Identity(always=True), primary_key=True),
    *_content(),
)
"""PostgreSQL only: entries that are durable and have no place yet. The database lets a row go only when its copy is in
`audit_entries`."""

audit_checkpoints = sa.Table(
    "audit_checkpoints",
    metadata,
    sa.Column("size", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("signed_at", UtcDateTime, nullable=False),
    sa.Column("note", sa.Text, nullable=False),
)

audit_cosignatures = sa.Table(
    "audit_cosignatures",
    metadata,
    sa.Column("size", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("witness", sa.String(300), primary_key=True),
    sa.Column("cosigned_at", UtcDateTime, nullable=False),
    sa.Column("line", sa.Text, nullable=False),
)
"""What witnesses answered: the signature line that is added to the note of the checkpoint of that size."""

audit_subject_keys = sa.Table(
    "audit_subject_keys",
    metadata,
    sa.Column("key_id", sa.String(64), primary_key=True),
    # A keyed digest of the person's id: the row outlives the person's key, and must not name them.
    sa.Column("subject_hash", sa.String(64), nullable=False, index=True),
    # AES-256 key, itself encrypted under the key file; null once it was destroyed.
    sa.Column("wrapped_key", sa.LargeBinary),
    sa.Column("created_at", UtcDateTime, nullable=False),
    sa.Column("destroyed_at", UtcDateTime),
)

for _name in APPEND_ONLY_TABLES:
    for _dialect in ("sqlite", "postgresql"):
        for _statement in statements_for(_name, _dialect):
            event.listen(metadata.tables[_name], "after_create", sa.DDL(_statement).execute_if(dialect=_dialect))
