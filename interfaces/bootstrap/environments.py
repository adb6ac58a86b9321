"""The environment of a store is written into it: nobody works on production's data with staging's settings by mistake.

A stamp is put where there is none, so what was there before stamps becomes that of whoever opens it first. What is kept
apart by its address alone (a DynamoDB table, a Feast repository) has none.
"""

from __future__ import annotations

import os
import tempfile
from contextlib import suppress
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.engine import Engine
from sqlalchemy.exc import IntegrityError

from foundation.clock import Clock
from foundation.database import reading, transaction
from foundation.errors import Conflict
from interfaces.settings import Settings
from platform_core.operations.tables import store_stamps

STAMP = ".environment"
_NAME = "environment"


def require_own_stores(settings: Settings, engine: Engine, clock: Clock) -> None:
    """Raises Conflict when data directory (offline store, models, keys) or database are another environment's."""
    if settings.shared_stores:
        return
    found = _of_directory(settings.data_dir, settings.environment)
    refuse_other(settings, found, f"the data directory {settings.data_dir}", "VIGIA__DATA_DIR")
    found = _of_database(engine, clock, settings.environment)
    refuse_other(settings, found, f"the database {settings.database_name}", "VIGIA__DATABASE_URL")


def refuse_other(settings: Settings, found: str, what: str, variable: str) -> None:
    if found != settings.environment:
        raise Conflict(
            f"{what} is that of {found}, and VIGIA__ENVIRONMENT is {settings.environment}",
            hint=f"set the one or the other, {variable} to a store of its own; VIGIA__SHARED_STORES=true shares them",
        )


def _of_directory(directory: Path, environment: str) -> str:
    path = directory / STAMP
    if not path.exists():
        # Written whole and then linked: there is never a stamp that says nothing yet.
        handle, written = tempfile.mkstemp(prefix=STAMP, dir=directory)
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                file.write(f"{environment}\n")
            with suppress(FileExistsError):  # another process was first
                os.link(written, path)
        finally:
            Path(written).unlink()
    found = path.read_text(encoding="utf-8").strip()
    if not found:
        hint = "write the name of the environment whose data this is into it"
        raise Conflict(f"{path} is empty: nobody knows whose the data directory is", hint=hint)
    return found


def _of_database(engine: Engine, clock: Clock, environment: str) -> str:
    query = sa.select(store_stamps.c.value).where(store_stamps.c.name == _NAME)
    with reading(engine) as connection:
        found = connection.scalar(query)
    if found is not None:
        return str(found)
    try:
        with transaction(engine) as connection:
            row = {"name": _NAME, "value": environment, "at": clock.now()}
            connection.execute(store_stamps.insert().values(row))
    except IntegrityError:
        with reading(engine) as connection:
            return str(connection.scalar(query))
    return environment
