"""The environment of a store is written into it: nobody works on production's data with staging's settings by mistake.

A stamp is put where there is none, so what was there before stamps becomes that of whoever opens it first.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlalchemy as sa
from sqlalchemy.engine import Engine
from sqlalchemy.exc import IntegrityError

from foundation.clock import Clock
from foundation.database import reading, transaction
from foundation.errors import Conflict, Unavailable
from interfaces.settings import Settings
from platform_core.access.stamp_file import STAMP, claim_file
from platform_core.operations.tables import store_stamps

if TYPE_CHECKING:
    from platform_core.features.online.packed_store import PackedStore

_NAME = "environment"


def require_own_stores(settings: Settings, engine: Engine, clock: Clock) -> None:
    """Raises Conflict when data directory (offline store, models, keys) or database are another environment's."""
    if settings.shared_stores:
        return
    found = claim_file(settings.data_dir / STAMP, settings.environment)
    _refuse_other(settings, found, f"the data directory {settings.data_dir}", "VIGIA__DATA_DIR")
    found = _of_database(engine, clock, settings.environment)
    _refuse_other(settings, found, f"the database {settings.database_name}", "VIGIA__DATABASE_URL")


def require_own_online(settings: Settings, store: PackedStore, variable: str) -> None:
    """Raises Conflict when the online store is another environment's.

    While it is away this waits for the first write: who starts now is to find it again as ever.
    """
    if settings.shared_stores:
        return

    def ask() -> None:
        found = store.claim(settings.environment)
        _refuse_other(settings, found, f"the online store {store.address}", variable)

    try:
        ask()
    except Unavailable:
        store.before_writing(ask)


def _refuse_other(settings: Settings, found: str, what: str, variable: str) -> None:
    if found != settings.environment:
        raise Conflict(
            f"{what} is that of {found}, and VIGIA__ENVIRONMENT is {settings.environment}",
            hint=f"set the one or the other, {variable} to a store of its own; VIGIA__SHARED_STORES=true shares them",
        )


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
