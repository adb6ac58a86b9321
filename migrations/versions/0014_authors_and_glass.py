"""An index to walk from an edited request to what it was an edit of.

Revision 0014, after 0013.
"""

from __future__ import annotations

from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index(op.f("ix_approval_requests_superseded_by"), "approval_requests", ["superseded_by"])


def downgrade() -> None:
    op.drop_index(op.f("ix_approval_requests_superseded_by"), "approval_requests")
