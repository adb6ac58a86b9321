"""Tables of the control plane and of the operations timeline."""

from __future__ import annotations

import sqlalchemy as sa

from foundation.database import Json, UtcDateTime, metadata

resources = sa.Table(
    "resources",
    metadata,
    sa.Column("urn", sa.String(160), primary_key=True),
    sa.Column("kind", sa.String(32), nullable=False, index=True),
    sa.Column("tenant", sa.String(64)),
    sa.Column("environment", sa.String(16), nullable=False),
    sa.Column("spec", Json, nullable=False),
    sa.Column("status", Json, nullable=False),
    sa.Column("revision", sa.Integer, nullable=False),
    sa.Column("updated_at", UtcDateTime, nullable=False),
)

resource_changes = sa.Table(
    "resource_changes",
    metadata,
    sa.Column("idempotency_key", sa.String(200), primary_key=True),
    sa.Column("request_digest", sa.String(64), nullable=False),
    sa.Column("urn", sa.String(160), nullable=False, index=True),
    sa.Column("change", Json, nullable=False),
    sa.Column("at", UtcDateTime, nullable=False),
)

change_events = sa.Table(
    "change_events",
    metadata,
    sa.Column("id", sa.String(64), primary_key=True),
    sa.Column("at", UtcDateTime, nullable=False, index=True),
    sa.Column("kind", sa.String(16), nullable=False),
    sa.Column("subject", sa.String(160), nullable=False),
    sa.Column("tenant", sa.String(64)),
    sa.Column("summary", sa.Text, nullable=False),
    sa.Column("author", sa.String(160), nullable=False),
    sa.Column("details", Json, nullable=False),
)

job_runs = sa.Table(
    "job_runs",
    metadata,
    sa.Column("id", sa.String(64), primary_key=True),
    sa.Column("job", sa.String(160), nullable=False),
    sa.Column("subject", sa.String(160), nullable=False),
    sa.Column("tenant", sa.String(64)),
    sa.Column("started_at", UtcDateTime, nullable=False, index=True),
    sa.Column("ended_at", UtcDateTime),
    sa.Column("status", sa.String(16), nullable=False),
    sa.Column("rows", sa.BigInteger, nullable=False),
    sa.Column("error", sa.Text),
    sa.Column("counts", Json, nullable=False, server_default="{}"),
)

usage_daily = sa.Table(
    "usage_daily",
    metadata,
    sa.Column("resource_id", sa.String(160), primary_key=True),
    sa.Column("day", sa.Date, primary_key=True),
    sa.Column("tenant", sa.String(64)),
    sa.Column("requests", sa.BigInteger, nullable=False),
    sa.Column("replicas", sa.Float, nullable=False),
    sa.Column("cpu_utilization", sa.Float, nullable=False),
    sa.Column("p99_latency_ms", sa.Float, nullable=False),
    sa.Column("billed_cost", sa.Float, nullable=False),
)

usage_hourly = sa.Table(
    "usage_hourly",
    metadata,
    sa.Column("hour", UtcDateTime, primary_key=True),
    sa.Column("subject", sa.String(160), primary_key=True),
    sa.Column("tenant", sa.String(64), primary_key=True),
    sa.Column("unit", sa.String(32), primary_key=True),
    sa.Column("quantity", sa.Float, nullable=False),
)

store_stamps = sa.Table(
    "store_stamps",
    metadata,
    sa.Column("name", sa.String(32), primary_key=True),
    sa.Column("value", sa.String(64), nullable=False),
    sa.Column("at", UtcDateTime, nullable=False),
)
