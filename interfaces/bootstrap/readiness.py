"""What a process that works on the incidents needs to be of use."""

from __future__ import annotations

import os
from pathlib import Path

import sqlalchemy as sa

from foundation.database import reading
from foundation.errors import VigiaError
from interfaces.bootstrap.foundations import Foundations
from interfaces.http.services import ReadinessCheck


def readiness(base: Foundations) -> list[ReadinessCheck]:
    """Each asked now."""
    return [_database(base), _audit(base), _directory(base.settings.data_dir)]


def _database(base: Foundations) -> ReadinessCheck:
    try:
        with reading(base.engine) as connection:
            connection.execute(sa.select(1))
    except VigiaError as error:
        return ReadinessCheck(name="database", ok=False, detail=error.message)
    return ReadinessCheck(name="database", ok=True, detail=base.engine.dialect.name)


def _audit(base: Foundations) -> ReadinessCheck:
    try:
        head = base.audit.head()
    except VigiaError as error:
        return ReadinessCheck(name="audit log", ok=False, detail=error.message)
    return ReadinessCheck(name="audit log", ok=True, detail=f"{head.size} entries")


def _directory(path: Path) -> ReadinessCheck:
    usable = path.is_dir() and os.access(path, os.W_OK)
    return ReadinessCheck(name="data directory", ok=usable, detail=str(path) if usable else f"{path} cannot be written")
