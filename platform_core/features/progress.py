"""The memory of materialization: which arrivals a view has seen, and under which source settings."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from foundation.clock import Clock
from foundation.database import reading, transaction
from platform_core.features.tables import materialization_state as t


@dataclass(frozen=True, slots=True)
class Progress:
    """`watermark` is the version of the source table up to which all rows are materialized: arrival order, which late
    rows cannot slip under. The quarantine and the mapping are those that the online values were made with."""

    watermark: int
    quarantine_since: datetime | None = None
    field_mapping: Mapping[str, str] = field(default_factory=dict[str, str])
    as_of: datetime | None = field(default=None, compare=False)
    """When `watermark` was the newest version that there was."""

    definition: str | None = None
    """`Target.definition` of the values that are there; None when it was not noted."""


class ProgressStore(Protocol):
    def load(self, view: str, tenant: str) -> Progress | None: ...

    def save(self, view: str, tenant: str, progress: Progress) -> None: ...


class InMemoryProgress:
    """For one process that starts afresh: tests, one-off exports."""

    def __init__(self) -> None:
        self._progress: dict[tuple[str, str], Progress] = {}

    def load(self, view: str, tenant: str) -> Progress | None:
        return self._progress.get((view, tenant))

    def save(self, view: str, tenant: str, progress: Progress) -> None:
        self._progress[view, tenant] = progress


Guard = Callable[[Connection, str, str], None]
"""(connection, view, tenant): raises when whoever saves is no longer the one who may."""


class SqlProgress:
    """In the table `materialization_state`. `guard` is asked in the transaction that saves."""

    def __init__(self, engine: Engine, clock: Clock, *, guard: Guard | None = None) -> None:
        self._engine = engine
        self._clock = clock
        self._guard = guard

    def load(self, view: str, tenant: str) -> Progress | None:
        with reading(self._engine) as connection:
            row = connection.execute(sa.select(t).where(t.c.view == view, t.c.tenant == tenant)).one_or_none()
        if row is None:
            return None
        as_of = row.as_of or row.updated_at
        return Progress(row.watermark, row.quarantine_since, row.field_mapping, as_of, row.definition)

    def save(self, view: str, tenant: str, progress: Progress) -> None:
        values = {
            "watermark": progress.watermark,
            "quarantine_since": progress.quarantine_since,
            "field_mapping": dict(progress.field_mapping),
            "as_of": progress.as_of,
            "definition": progress.definition,
            "updated_at": self._clock.now(),
        }
        with transaction(self._engine) as connection:
            if self._guard is not None:
                self._guard(connection, view, tenant)
            changed = connection.execute(
                sa.update(t).where(t.c.view == view, t.c.tenant == tenant).values(**values)
            ).rowcount
            if not changed:
                connection.execute(sa.insert(t).values(view=view, tenant=tenant, **values))
