"""Which policy came into force when: one row per change, so that each is told to the audit log once."""

from __future__ import annotations

import sqlalchemy as sa

from foundation.database import UtcDateTime, metadata

policy_versions = sa.Table(
    "policy_versions",
    metadata,
    # Counted by whoever adopts: of two processes that see the same new file, one gets the number.
    sa.Column("version", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("digest", sa.String(64), nullable=False),
    sa.Column("path", sa.String(400), nullable=False),
    sa.Column("adopted_at", UtcDateTime, nullable=False),
)
