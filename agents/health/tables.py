"""Which nightly reports are written and told of."""

from __future__ import annotations

import sqlalchemy as sa

from foundation.database import UtcDateTime, metadata

nightly_reports = sa.Table(
    "nightly_reports",
    metadata,
    # The day of the platform's clock that the report was due on, e.g. 2026-11-20.
    sa.Column("day", sa.String(10), primary_key=True),
    sa.Column("owner", sa.String(64), nullable=False),
    # Wall clock, seconds since the epoch: what a dead worker began, another goes on with.
    sa.Column("expires_wall", sa.Float(), nullable=False),
    sa.Column("written_at", UtcDateTime()),
    sa.Column("verdict", sa.String(16)),
    sa.Column("document", sa.Text()),
    sa.Column("told_at", UtcDateTime()),
)
