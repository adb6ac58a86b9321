"""Verdicts of gates, a row for each; a review is the rows of one id."""

from __future__ import annotations

import sqlalchemy as sa

from foundation.database import Json, UtcDateTime, metadata

model_gates = sa.Table(
    "model_gates",
    metadata,
    sa.Column("review_id", sa.String(64), primary_key=True),
    sa.Column("gate", sa.String(32), primary_key=True),
    sa.Column("name", sa.String(128), nullable=False),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("to_stage", sa.String(16), nullable=False),
    sa.Column(
        "outcome",
        sa.String(20),
        sa.CheckConstraint("outcome IN ('passed','failed','could_not_be_judged')", name="outcome"),
        nullable=False,
    ),
    sa.Column("said", sa.Text, nullable=False),
    sa.Column("figures", Json, nullable=False),
    sa.Column("limits", Json, nullable=False),
    sa.Column("artifact_digest", sa.String(64), nullable=False),
    sa.Column("policy_digest", sa.String(64), nullable=False),
    sa.Column("champion", sa.String(32)),
    sa.Column("thresholds", Json, nullable=False, server_default="{}"),
    sa.Column("judged_by", sa.String(160), nullable=False),
    sa.Column("judged_at", UtcDateTime, nullable=False),
    sa.ForeignKeyConstraint(["name", "version"], ["model_versions.name", "model_versions.version"]),
    sa.Index("ix_model_gates_version", "name", "version"),
)
