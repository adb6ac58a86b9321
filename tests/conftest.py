"""Fixtures that every kind of test shares."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy.engine import Engine

from foundation.clock import FixedClock
from foundation.database import metadata, open_database

NIGHT = datetime(2026, 11, 19, 5, 51, tzinfo=UTC)
"""02:51 in São Paulo."""


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock(NIGHT)


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    """A fresh SQLite database with the whole schema."""
    engine = open_database(f"sqlite:///{tmp_path / 'vigia.db'}")
    metadata.create_all(engine)
    yield engine
    engine.dispose()
