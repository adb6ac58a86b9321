"""Catalog versions: written once, never changed (the database refuses it). Each environment counts its own."""

from __future__ import annotations

import sqlalchemy as sa

from foundation.database import Json, UtcDateTime, metadata

catalog_versions = sa.Table(
    "catalog_versions",
    metadata,
    sa.Column("environment", sa.String(16), primary_key=True),
    sa.Column("version", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("digest", sa.String(64), nullable=False),
    sa.Column("document", Json, nullable=False),
    sa.Column("applied_at", UtcDateTime, nullable=False),
    sa.Column("actor", sa.String(128), nullable=False),
)
