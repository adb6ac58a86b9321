"""What was spent, one row per scope. Amounts are whole numbers, so that sums are exact on every database."""

from __future__ import annotations

import sqlalchemy as sa

from foundation.database import UtcDateTime, metadata

budget_spend = sa.Table(
    "budget_spend",
    metadata,
    # incident, day, or tenant (per day).
    sa.Column("scope", sa.String(10), primary_key=True),
    # inc_…, 2026-11-19, or br/2026-11-19.
    sa.Column("key", sa.String(100), primary_key=True),
    sa.Column("tokens", sa.BigInteger, nullable=False),
    sa.Column("microdollars", sa.BigInteger, nullable=False),
    sa.Column("tool_calls", sa.BigInteger, nullable=False),
    sa.Column("actions", sa.BigInteger, nullable=False),
    sa.Column("wall_ms", sa.BigInteger, nullable=False),
    # What was refused, so that the card can say so: a JSON list of resources.
    sa.Column("exceeded", sa.Text, nullable=False),
    sa.Column("updated_at", UtcDateTime, nullable=False),
)
