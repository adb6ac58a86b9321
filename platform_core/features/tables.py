"""How far materialization has come, per view and tenant."""

from __future__ import annotations

import sqlalchemy as sa

from foundation.database import Json, UtcDateTime, metadata

materialization_state = sa.Table(
    "materialization_state",
    metadata,
    sa.Column("view", sa.String(128), primary_key=True),
    sa.Column("tenant", sa.String(64), primary_key=True),
    sa.Column("watermark", sa.BigInteger, nullable=False),
    sa.Column("quarantine_since", UtcDateTime, nullable=True),
    sa.Column("field_mapping", Json, nullable=False),
    sa.Column("updated_at", UtcDateTime, nullable=False),
)
