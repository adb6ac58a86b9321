"""Audit sequencing.

Revision 0003, after 0002.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from audit.triggers import statements
from foundation.database import UtcDateTime
from foundation.errors import Forbidden

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "audit_cosignatures",
        sa.Column("size", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("witness", sa.String(length=300), nullable=False),
        sa.Column("cosigned_at", UtcDateTime, nullable=False),
        sa.Column("line", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("size", "witness", name=op.f("pk_audit_cosignatures")),
    )
    op.create_table(
        "audit_intake",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), sa.Identity(always=True), nullable=False),
        sa.Column("recorded_at", UtcDateTime, nullable=False),
        sa.Column("action", sa.String(length=80), nullable=False),
        sa.Column("actor", sa.String(length=200), nullable=False),
        sa.Column("subject", sa.String(length=400), nullable=False),
        sa.Column("tenant", sa.String(length=80), nullable=True),
        sa.Column("incident_id", sa.String(length=80), nullable=True),
        sa.Column("payload", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit_intake")),
    )
    with op.batch_alter_table("audit_intake", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_audit_intake_incident_id"), ["incident_id"], unique=False)

    op.create_table(
        "audit_subject_keys",
        sa.Column("key_id", sa.String(length=64), nullable=False),
        sa.Column("subject_hash", sa.String(length=64), nullable=False),
        sa.Column("wrapped_key", sa.LargeBinary(), nullable=True),
        sa.Column("created_at", UtcDateTime, nullable=False),
        sa.Column("destroyed_at", UtcDateTime, nullable=True),
        sa.PrimaryKeyConstraint("key_id", name=op.f("pk_audit_subject_keys")),
    )
    with op.batch_alter_table("audit_subject_keys", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_audit_subject_keys_subject_hash"), ["subject_hash"], unique=False)

    with op.batch_alter_table("audit_entries", schema=None) as batch_op:
        batch_op.add_column(sa.Column("intake_id", sa.BigInteger(), nullable=True))
        not_null = sa.text("intake_id IS NOT NULL")
        batch_op.create_index("ix_audit_entries_intake_id", ["intake_id"], unique=True, sqlite_where=not_null)

    for statement in statements(
        op.get_context().dialect.name, ("audit_checkpoints", "audit_intake", "audit_cosignatures")
    ):
        op.execute(statement)


def downgrade() -> None:
    raise Forbidden("the audit log is not taken apart", hint="restore a backup into another database instead")
