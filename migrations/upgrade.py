"""Brings a database to the newest revision."""

from __future__ import annotations

from pathlib import Path

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy.engine import Connection

from foundation.database import open_database, reading, transaction

_ONE_UPGRADER = 0x5649_4749_4D49
"""Key of the PostgreSQL advisory lock that makes processes which start together upgrade one after the other."""


def upgrade_database(url: str) -> tuple[str | None, str | None]:
    """Runs every migration that is missing, in one transaction; returns the revision before and after.

    Takes no write lock when there is nothing to do. Raises Unavailable when the database does not answer.
    """
    engine = open_database(url)
    try:
        with reading(engine) as connection:
            current = current_revision(connection)
            if current == ScriptDirectory.from_config(alembic_config(connection)).get_current_head():
                return current, current
        with transaction(engine) as connection:
            if connection.dialect.name == "postgresql":
                connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_ONE_UPGRADER)))
            return upgrade_connection(connection)
    finally:
        engine.dispose()


def is_current(url: str) -> bool:
    """Whether the schema is at the newest revision. Raises Unavailable when the database does not answer."""
    engine = open_database(url)
    try:
        with reading(engine) as connection:
            head = ScriptDirectory.from_config(alembic_config(connection)).get_current_head()
            return current_revision(connection) == head
    finally:
        engine.dispose()


def upgrade_connection(connection: Connection) -> tuple[str | None, str | None]:
    """As `upgrade_database`, in the caller's transaction."""
    before = current_revision(connection)
    command.upgrade(alembic_config(connection), "head")
    return before, current_revision(connection)


def current_revision(connection: Connection) -> str | None:
    return MigrationContext.configure(connection).get_current_revision()


def alembic_config(connection: Connection) -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent))
    config.set_main_option("file_template", "%%(rev)s_%%(slug)s")
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    return config
