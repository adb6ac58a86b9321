"""How far materialization has come, per view and tenant, and who is at it."""

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
    sa.Column("as_of", UtcDateTime, nullable=True),
    sa.Column("definition", sa.String(64), nullable=True),
    sa.Column("updated_at", UtcDateTime, nullable=False),
)

materialization_leases = sa.Table(
    "materialization_leases",
    metadata,
    sa.Column("view", sa.String(128), primary_key=True),
    sa.Column("tenant", sa.String(64), primary_key=True),
    sa.Column("work", sa.String(16), primary_key=True),
    sa.Column("token", sa.String(64), nullable=False),
    sa.Column("holder", sa.String(200), nullable=False),
    sa.Column("process", sa.String(200), nullable=False),
    sa.Column("expires_at", UtcDateTime, nullable=False),
)

materialization_ranges = sa.Table(
    "materialization_ranges",
    metadata,
    sa.Column("view", sa.String(128), primary_key=True),
    sa.Column("tenant", sa.String(64), primary_key=True),
    sa.Column("work", sa.String(16), primary_key=True),
    sa.Column("start_at", UtcDateTime, nullable=False),
    sa.Column("end_at", UtcDateTime, nullable=False),
    sa.Column("next_at", UtcDateTime, nullable=False),
    sa.Column("source_version", sa.BigInteger, nullable=False),
    sa.Column("definition", sa.String(64), nullable=False),
    sa.Column("rows_written", sa.BigInteger, nullable=False),
    sa.Column("updated_at", UtcDateTime, nullable=False),
)
