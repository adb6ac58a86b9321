"""Executions. The unique keys are the last line of defence: one approval, one execution, whatever the code does."""

from __future__ import annotations

import sqlalchemy as sa

from foundation.database import UtcDateTime, metadata

executions = sa.Table(
    "executions",
    metadata,
    sa.Column("id", sa.String(64), primary_key=True),
    sa.Column("approval_id", sa.ForeignKey("approval_requests.id"), nullable=False, unique=True),
    # What the target deduplicates by. Equal to the id; a column of its own because the target's records name it.
    sa.Column("idempotency_key", sa.String(64), nullable=False, unique=True),
    sa.Column("incident_id", sa.String(64), nullable=False, index=True),
    sa.Column(
        "status",
        sa.String(10),
        sa.CheckConstraint("status IN ('started','succeeded','failed','unknown')", name="status"),
        nullable=False,
        index=True,
    ),
    sa.Column("started_at", UtcDateTime, nullable=False),
    sa.Column("ended_at", UtcDateTime),
    sa.Column("receipt", sa.Text),
    sa.Column("error", sa.Text),
)
