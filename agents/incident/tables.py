"""What the incident room stores. Rows are read and written by `agents.incident.repositories` only."""

from __future__ import annotations

import sqlalchemy as sa

from foundation.database import Json, UtcDateTime, metadata

alerts = sa.Table(
    "alerts",
    metadata,
    sa.Column("id", sa.String(64), primary_key=True),
    sa.Column("source", sa.String(200), nullable=False),
    sa.Column("fingerprint", sa.String(200), nullable=False),
    sa.Column("starts_at", UtcDateTime(), nullable=False),
    # When it counts as having begun: `starts_at`, unless the sender's clock is off by more than an hour.
    sa.Column("effective_at", UtcDateTime(), nullable=False),
    sa.Column("status", sa.String(16), nullable=False),
    sa.Column("kind", sa.String(32), nullable=False),
    sa.Column("subject", sa.String(200), nullable=False),
    sa.Column("tenant", sa.String(64)),
    sa.Column("severity", sa.String(16), nullable=False),
    sa.Column("summary", sa.Text(), nullable=False),
    sa.Column("value", sa.Float()),
    sa.Column("threshold", sa.Float()),
    sa.Column("labels", Json, nullable=False),
    sa.Column("received_at", UtcDateTime(), nullable=False),
    # Seconds since the epoch on the wall: what an engineer waited is measured from here.
    sa.Column("received_wall", sa.Float(), nullable=False),
    sa.Column("resolved_at", UtcDateTime()),
    sa.Column("repeats", sa.Integer(), nullable=False, default=0),
    # Null until the correlator has looked at it.
    sa.Column("correlated_at", UtcDateTime(), index=True),
    sa.UniqueConstraint("source", "fingerprint", "starts_at"),
)

incidents = sa.Table(
    "incidents",
    metadata,
    sa.Column("id", sa.String(64), primary_key=True),
    sa.Column("number", sa.Integer(), nullable=False, unique=True),
    sa.Column("title", sa.Text(), nullable=False),
    sa.Column("status", sa.String(32), nullable=False, index=True),
    sa.Column("severity", sa.String(16), nullable=False),
    sa.Column("environment", sa.String(16), nullable=False),
    sa.Column("tenant", sa.String(64)),
    sa.Column("subjects", Json, nullable=False),
    sa.Column("opened_at", UtcDateTime(), nullable=False),
    sa.Column("updated_at", UtcDateTime(), nullable=False),
    sa.Column("last_alert_at", UtcDateTime(), nullable=False),
    sa.Column("mitigated_at", UtcDateTime()),
    sa.Column("outcome", sa.String(32)),
    # Investigations so far; evidence, diagnosis and proposals carry the round they were made in.
    sa.Column("round", sa.Integer(), nullable=False, default=1),
    # Raised by every change worth telling; the announcer sends the card until `announced` has caught up.
    sa.Column("version", sa.Integer(), nullable=False, default=1),
    sa.Column("announced", sa.Integer(), nullable=False, default=0),
)

incident_alerts = sa.Table(
    "incident_alerts",
    metadata,
    sa.Column("incident_id", sa.ForeignKey("incidents.id"), primary_key=True),
    sa.Column("alert_id", sa.ForeignKey("alerts.id"), primary_key=True, unique=True),
    sa.Column("joined_at", UtcDateTime(), nullable=False),
)

evidence = sa.Table(
    "evidence",
    metadata,
    sa.Column("incident_id", sa.ForeignKey("incidents.id"), primary_key=True),
    sa.Column("number", sa.Integer(), primary_key=True, autoincrement=False),
    sa.Column("round", sa.Integer(), nullable=False),
    sa.Column("tool", sa.String(64), nullable=False),
    sa.Column("arguments", Json, nullable=False),
    sa.Column("observation", Json, nullable=False),
    sa.Column("digest", sa.String(64), nullable=False),
    sa.Column("collected_at", UtcDateTime(), nullable=False),
    sa.Column("wall_ms", sa.Float(), nullable=False),
    sa.Column("tainted", sa.Boolean(), nullable=False),
)

diagnoses = sa.Table(
    "diagnoses",
    metadata,
    sa.Column("incident_id", sa.ForeignKey("incidents.id"), primary_key=True),
    sa.Column("round", sa.Integer(), primary_key=True, autoincrement=False),
    sa.Column("verdict", sa.String(16), nullable=False),
    sa.Column("cause", sa.String(64)),
    sa.Column("diagnosis", Json, nullable=False),
    sa.Column("narrative", Json),
    sa.Column("made_at", UtcDateTime(), nullable=False),
    sa.Column("made_wall", sa.Float(), nullable=False),
)

round_proposals = sa.Table(
    "round_proposals",
    metadata,
    sa.Column("incident_id", sa.ForeignKey("incidents.id"), primary_key=True),
    sa.Column("round", sa.Integer(), primary_key=True, autoincrement=False),
    # `action`, or `compensation` for the undo of an action that did not work.
    sa.Column("purpose", sa.String(16), primary_key=True),
    sa.Column("id", sa.String(64), nullable=False, unique=True),
    # Text, for JSONB would rewrite numbers and the digest is over exact values.
    sa.Column("document", sa.Text(), nullable=False),
    sa.Column("made_at", UtcDateTime(), nullable=False),
)

timeline = sa.Table(
    "timeline",
    metadata,
    sa.Column("id", sa.Integer(), primary_key=True, autoincrement=True),
    sa.Column("incident_id", sa.ForeignKey("incidents.id"), nullable=False, index=True),
    # Names the event within its incident, so that a step that runs again after a crash tells it once.
    sa.Column("key", sa.String(200), nullable=False),
    sa.Column("at", UtcDateTime(), nullable=False),
    sa.Column("kind", sa.String(64), nullable=False),
    sa.Column("actor", sa.String(100), nullable=False),
    sa.Column("text", sa.Text(), nullable=False),
    sa.Column("details", Json, nullable=False),
    sa.UniqueConstraint("incident_id", "key"),
)

verifications = sa.Table(
    "verifications",
    metadata,
    sa.Column("execution_id", sa.String(64), primary_key=True),
    sa.Column("incident_id", sa.ForeignKey("incidents.id"), nullable=False, index=True),
    sa.Column("verified", sa.Boolean(), nullable=False),
    sa.Column("result", Json, nullable=False),
    sa.Column("made_at", UtcDateTime(), nullable=False),
)

verdict_feedback = sa.Table(
    "verdict_feedback",
    metadata,
    sa.Column("incident_id", sa.ForeignKey("incidents.id"), primary_key=True),
    sa.Column("principal_id", sa.String(100), primary_key=True),
    sa.Column("cause", sa.String(64), nullable=False, index=True),
    sa.Column("correct", sa.Boolean(), nullable=False),
    sa.Column("actual_cause", sa.String(64)),
    sa.Column("note", sa.Text()),
    sa.Column("at", UtcDateTime(), nullable=False),
)

leases = sa.Table(
    "leases",
    metadata,
    sa.Column("incident_id", sa.ForeignKey("incidents.id"), primary_key=True),
    # ready: there is work; parked: waits for the decision on `approval_id`; done: nothing to do.
    sa.Column("state", sa.String(16), nullable=False, index=True),
    sa.Column("approval_id", sa.String(64)),
    sa.Column("owner", sa.String(100)),
    # Wall clock, seconds since the epoch: a dead worker is dead on the wall, however fast the platform's clock runs.
    sa.Column("expires_wall", sa.Float(), nullable=False, default=0.0),
    sa.Column("attempts", sa.Integer(), nullable=False, default=0),
    sa.Column("not_before_wall", sa.Float(), nullable=False, default=0.0),
    # When alerts that came after the last look are looked at, unless somebody has decided by then; null: none came.
    sa.Column("look_again_wall", sa.Float()),
)
