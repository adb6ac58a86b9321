"""INSERT … ON CONFLICT DO NOTHING on both databases: the first writer of a key wins, and says so."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Connection


def insert_once(connection: Connection, table: sa.Table, values: dict[str, Any]) -> bool:
    """Insert the row unless a unique key is taken. True if it was stored now."""
    build = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    # RETURNING, because the row count of an INSERT is not kept on every driver.
    stored = build(table).values(values).on_conflict_do_nothing().returning(sa.literal(1))
    return connection.execute(stored).first() is not None
