"""Tables of the model registry. A version's stage is where its newest transition led. `model_tracking`: what experiment
trackers were told of a version."""

from __future__ import annotations

import sqlalchemy as sa

from foundation.database import Json, UtcDateTime, metadata

model_versions = sa.Table(
    "model_versions",
    metadata,
    sa.Column("name", sa.String(128), primary_key=True),
    sa.Column("version", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("signature", Json, nullable=False),
    sa.Column("files", Json, nullable=False),
    sa.Column("created_at", UtcDateTime, nullable=False),
    sa.Column("created_by", sa.String(160), nullable=False),
)

model_transitions = sa.Table(
    "model_transitions",
    metadata,
    sa.Column("id", sa.String(64), primary_key=True),
    sa.Column("name", sa.String(128), nullable=False),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("ordinal", sa.Integer, nullable=False),
    sa.Column("from_stage", sa.String(16)),
    sa.Column("to_stage", sa.String(16), nullable=False),
    sa.Column("actor", sa.String(160), nullable=False),
    sa.Column("at", UtcDateTime, nullable=False),
    # Of a move up: the gates' review it was made under. Of one into production: the version that it replaced there.
    sa.Column("review", sa.String(64)),
    sa.Column("instead_of", sa.Integer),
    sa.UniqueConstraint("name", "version", "ordinal"),
    sa.ForeignKeyConstraint(["name", "version"], ["model_versions.name", "model_versions.version"]),
)

model_tracking = sa.Table(
    "model_tracking",
    metadata,
    sa.Column("name", sa.String(128), primary_key=True),
    sa.Column("version", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("tracker", sa.String(500), primary_key=True),
    sa.Column("run_id", sa.String(128)),
    sa.Column("remote_version", sa.String(64)),
    sa.Column("problem", sa.Text),
    sa.Column("tried_at", UtcDateTime, nullable=False),
)
