"""Where entries and signed checkpoints are stored. Both tables refuse UPDATE and DELETE (`audit.triggers`)."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy import event

from audit.triggers import statements_for
from foundation.database import UtcDateTime, metadata

audit_entries = sa.Table(
    "audit_entries",
    metadata,
    sa.Column("sequence", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("recorded_at", UtcDateTime, nullable=False),
    sa.Column("action", sa.String(80), nullable=False),
    sa.Column("actor", sa.String(200), nullable=False),
    sa.Column("subject", sa.String(400), nullable=False),
    sa.Column("tenant", sa.String(80)),
    sa.Column("incident_id", sa.String(80), index=True),
    # Canonical JSON as text, not JSONB: what was hashed is what is stored, byte for byte.
    sa.Column("payload", sa.Text, nullable=False),
    sa.Column("previous_hash", sa.String(64), nullable=False),
    sa.Column("leaf_hash", sa.String(64), nullable=False),
    # Roots of the perfect subtrees that the first `sequence + 1` leaves fall into, largest first, 32 bytes each: all
    # that is needed to append the next leaf and to know the tree's root, so an append reads this row and no other.
    sa.Column("frontier", sa.LargeBinary, nullable=False),
)

audit_checkpoints = sa.Table(
    "audit_checkpoints",
    metadata,
    sa.Column("size", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("signed_at", UtcDateTime, nullable=False),
    sa.Column("note", sa.Text, nullable=False),
)

for _table in (audit_entries, audit_checkpoints):
    for _dialect in ("sqlite", "postgresql"):
        for _statement in statements_for(_table.name, _dialect):
            event.listen(_table, "after_create", sa.DDL(_statement).execute_if(dialect=_dialect))
