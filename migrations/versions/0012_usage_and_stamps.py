"""Usage by the hour, and whose environment a database is."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from foundation.database import UtcDateTime

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "store_stamps",
        sa.Column("name", sa.String(length=32), nullable=False),
        sa.Column("value", sa.String(length=64), nullable=False),
        sa.Column("at", UtcDateTime, nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_store_stamps")),
    )
    op.create_table(
        "usage_hourly",
        sa.Column("hour", UtcDateTime, nullable=False),
        sa.Column("subject", sa.String(length=160), nullable=False),
        sa.Column("tenant", sa.String(length=64), nullable=False),
        sa.Column("unit", sa.String(length=32), nullable=False),
        sa.Column("quantity", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("hour", "subject", "tenant", "unit", name=op.f("pk_usage_hourly")),
    )


def downgrade() -> None:
    op.drop_table("usage_hourly")
    op.drop_table("store_stamps")
