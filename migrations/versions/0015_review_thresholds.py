"""By which thresholds the endpoints declined when a version was judged.

Revision 0015, after 0014.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from foundation.database import Json

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("model_gates", schema=None) as batch_op:
        batch_op.add_column(sa.Column("thresholds", Json, nullable=False, server_default="{}"))


def downgrade() -> None:
    with op.batch_alter_table("model_gates", schema=None) as batch_op:
        batch_op.drop_column("thresholds")
