"""What trackers were told of model versions.

Revision 0011, after 0010.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from foundation.database import UtcDateTime

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "model_tracking",
        sa.Column("name", sa.String(length=128), nullable=False),
        sa.Column("version", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("tracker", sa.String(length=500), nullable=False),
        sa.Column("run_id", sa.String(length=128), nullable=True),
        sa.Column("remote_version", sa.String(length=64), nullable=True),
        sa.Column("problem", sa.Text(), nullable=True),
        sa.Column("tried_at", UtcDateTime, nullable=False),
        sa.PrimaryKeyConstraint("name", "version", "tracker", name=op.f("pk_model_tracking")),
    )


def downgrade() -> None:
    op.drop_table("model_tracking")
