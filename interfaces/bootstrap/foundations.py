"""What every process stands on: the clock, the database with its schema, the audit log."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.engine import Engine

from audit.checkpoint import CheckpointSigner
from audit.log import SqlAuditLog
from audit.sealing import SubjectSealing
from foundation.clock import Clock, ScaledClock, SystemClock
from foundation.database import open_database
from foundation.errors import Conflict, InvalidInput
from foundation.secrets.sources import SOURCES
from interfaces.bootstrap.environments import require_own_stores
from interfaces.bootstrap.rotations import tell_rotations
from interfaces.bootstrap.secrets import key_file
from interfaces.directories import make_directory
from interfaces.settings import Settings
from migrations.upgrade import is_current, upgrade_database


@dataclass(frozen=True)
class Foundations:
    settings: Settings
    clock: Clock
    engine: Engine
    audit: SqlAuditLog
    sealing: SubjectSealing

    @property
    def checkpoint_copies(self) -> Path:
        return self.settings.data_dir / "checkpoints.txt"

    def signer(self) -> CheckpointSigner:
        key = self.settings.data_dir / "keys" / "audit.pem"
        if not key.exists():
            # There from the key's first day on, so that a missing one has been taken away.
            self.checkpoint_copies.touch()
        return CheckpointSigner.load_or_create(key, self.settings.audit.origin)


def open_foundations(settings: Settings) -> Foundations:
    """Makes the data directory and brings the schema up to date if need be. Raises Unavailable."""
    os.umask(0o077)  # what is kept here (incidents, keys, the audit log) is for this account's eyes only
    make_directory(settings.data_dir, "VIGIA__DATA_DIR")
    upgrade_database(settings.database_url)
    engine = open_database(settings.database_url)
    clock = make_clock(settings)
    require_own_stores(settings, engine, clock)
    SOURCES.tell(tell_rotations(engine, clock))
    sealing = SubjectSealing(lambda: key_file(settings.data_dir / "keys" / "audit-sealing.key"), clock)
    return Foundations(settings, clock, engine, SqlAuditLog(engine, clock, sealing=sealing), sealing)


def open_existing(settings: Settings) -> Foundations:
    """For what only reads: makes nothing and migrates nothing.

    Raises InvalidInput where there is no database (an empty one would say that all is well), and Conflict when its
    schema is another version's.
    """
    url = sa.make_url(settings.database_url)
    where = url.render_as_string(hide_password=True)
    if url.get_backend_name() == "sqlite" and not Path(url.database or "").is_file():
        raise InvalidInput(
            f"there is no database at {url.database}",
            hint="set VIGIA__DATA_DIR to the deployment's; `vigia serve` or `vigia database upgrade` makes a new one",
        )
    if not is_current(settings.database_url):
        raise Conflict(f"the schema of {where} is not this version's", hint="run `vigia database upgrade`")
    return open_foundations(settings)


def make_clock(settings: Settings) -> Clock:
    clock = settings.clock
    if clock.origin is None or clock.started is None:
        return SystemClock()
    return ScaledClock(origin=clock.origin, started=clock.started, speed=clock.speed)
