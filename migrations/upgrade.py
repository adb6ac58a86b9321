"""Brings a database to the newest revision."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from sqlalchemy.engine import Connection

from foundation.database import open_database, transaction


def upgrade_database(url: str) -> tuple[str | None, str | None]:
    """Runs every migration that is missing, in one transaction; returns the revision before and after."""
    engine = open_database(url)
    try:
        with transaction(engine) as connection:
            return upgrade_connection(connection)
    finally:
        engine.dispose()


def upgrade_connection(connection: Connection) -> tuple[str | None, str | None]:
    before = current_revision(connection)
    command.upgrade(alembic_config(connection), "head")
    return before, current_revision(connection)


def current_revision(connection: Connection) -> str | None:
    return MigrationContext.configure(connection).get_current_revision()


def alembic_config(connection: Connection) -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    return config
