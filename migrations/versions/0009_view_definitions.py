"""Which definition of a view materialized values were made with, and when its watermark was the newest version."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from foundation.database import UtcDateTime

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("materialization_state", schema=None) as batch_op:
        batch_op.add_column(sa.Column("as_of", UtcDateTime, nullable=True))
        batch_op.add_column(sa.Column("definition", sa.String(length=64), nullable=True))


def downgrade() -> None:
    with op.batch_alter_table("materialization_state", schema=None) as batch_op:
        batch_op.drop_column("definition")
        batch_op.drop_column("as_of")
