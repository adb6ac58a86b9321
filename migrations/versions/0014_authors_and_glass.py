"""An index to walk from an edited request to what it was an edit of; one unreviewed broken glass per person.

Where somebody has several that nobody has reviewed, all but the newest have to be reviewed first.

Revision 0014, after 0013.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index(op.f("ix_approval_requests_superseded_by"), "approval_requests", ["superseded_by"])
    op.create_index(
        "ix_broken_glass_unreviewed",
        "broken_glass",
        ["opened_by"],
        unique=True,
        sqlite_where=sa.text("reviewed_at IS NULL"),
        postgresql_where=sa.text("reviewed_at IS NULL"),
    )


def downgrade() -> None:
    op.drop_index("ix_broken_glass_unreviewed", "broken_glass")
    op.drop_index(op.f("ix_approval_requests_superseded_by"), "approval_requests")
