"""What Slack's side remembers: requests seen, and where each incident's card stands."""

from __future__ import annotations

import sqlalchemy as sa

from foundation.database import UtcDateTime, metadata

slack_requests = sa.Table(
    "slack_requests",
    metadata,
    sa.Column("signature_sha256", sa.String(64), primary_key=True),
    sa.Column("received_at", UtcDateTime, nullable=False),
)

slack_cards = sa.Table(
    "slack_cards",
    metadata,
    sa.Column("incident_id", sa.String(64), primary_key=True),
    sa.Column("channel", sa.String(64), nullable=False),
    sa.Column("ts", sa.String(32), nullable=False),
    sa.Column("content", sa.String(64), nullable=False),
    sa.Column("evidence_posted", sa.Boolean, nullable=False, default=False),
)
