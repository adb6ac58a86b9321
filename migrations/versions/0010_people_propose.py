"""People propose and edit; broken glass is told of and chased.

Revision 0010, after 0009.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from foundation.database import UtcDateTime

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("approval_requests", schema=None) as batch_op:
        batch_op.add_column(sa.Column("superseded_by", sa.String(length=64), nullable=True))
    op.create_table(
        "glass_notices",
        sa.Column("glass_id", sa.String(length=64), nullable=False),
        sa.Column("step", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("due_at", UtcDateTime, nullable=False),
        sa.Column("told_at", UtcDateTime, nullable=True),
        sa.ForeignKeyConstraint(["glass_id"], ["broken_glass.id"], name=op.f("fk_glass_notices_glass_id_broken_glass")),
        sa.PrimaryKeyConstraint("glass_id", "step", name=op.f("pk_glass_notices")),
    )


def downgrade() -> None:
    op.drop_table("glass_notices")
    with op.batch_alter_table("approval_requests", schema=None) as batch_op:
        batch_op.drop_column("superseded_by")
