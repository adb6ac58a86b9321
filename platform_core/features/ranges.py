"""The memory of work over a stretch of events, chunk by chunk: a first load of history, or a backfill.

A chunk's rows are written first, then the cursor: killed in between, the chunk is computed again, and only what differs
from what is there already is written.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Protocol

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from foundation.clock import Clock
from foundation.database import reading, transaction
from platform_core.features.leases import Work
from platform_core.features.tables import materialization_ranges as t

RangeKind = Literal["history", "backfill"]


@dataclass(frozen=True, slots=True)
class Range:
    """Feature rows of events in [start, end), done up to `cursor`. `version` is the source's when it began.

    `definition` is a digest of the view and of how its source is read: when it changes, the work starts over.
    """

    start: datetime
    end: datetime
    cursor: datetime
    version: int
    definition: str
    rows: int = 0


class RangeStore(Protocol):
    """One unfinished range per (view, tenant, kind); a new one replaces it."""

    def load(self, view: str, tenant: str, kind: RangeKind) -> Range | None: ...

    def save(self, view: str, tenant: str, kind: RangeKind, work: Range) -> None: ...

    def clear(self, view: str, tenant: str, kind: RangeKind) -> None: ...


class InMemoryRanges:
    """For one process that starts afresh: tests, one-off exports."""

    def __init__(self) -> None:
        self._ranges: dict[tuple[str, str, str], Range] = {}

    def load(self, view: str, tenant: str, kind: RangeKind) -> Range | None:
        return self._ranges.get((view, tenant, kind))

    def save(self, view: str, tenant: str, kind: RangeKind, work: Range) -> None:
        self._ranges[view, tenant, kind] = work

    def clear(self, view: str, tenant: str, kind: RangeKind) -> None:
        self._ranges.pop((view, tenant, kind), None)


Guard = Callable[[Connection, str, str, Work], None]
"""(connection, view, tenant, work): raises when whoever saves is no longer the one who may."""

_WORK: dict[RangeKind, Work] = {"history": "stream", "backfill": "backfill"}


class SqlRanges:
    """In the table `materialization_ranges`. `guard` is asked in the transaction that saves or clears."""

    def __init__(self, engine: Engine, clock: Clock, *, guard: Guard | None = None) -> None:
        self._engine = engine
        self._clock = clock
        self._guard = guard

    def load(self, view: str, tenant: str, kind: RangeKind) -> Range | None:
        with reading(self._engine) as connection:
            row = connection.execute(sa.select(t).where(_is(view, tenant, kind))).one_or_none()
        if row is None:
            return None
        return Range(row.start_at, row.end_at, row.next_at, row.source_version, row.definition, row.rows_written)

    def save(self, view: str, tenant: str, kind: RangeKind, work: Range) -> None:
        values = {
            "start_at": work.start,
            "end_at": work.end,
            "next_at": work.cursor,
            "source_version": work.version,
            "definition": work.definition,
            "rows_written": work.rows,
            "updated_at": self._clock.now(),
        }
        with transaction(self._engine) as connection:
            if self._guard is not None:
                self._guard(connection, view, tenant, _WORK[kind])
            if not connection.execute(sa.update(t).where(_is(view, tenant, kind)).values(**values)).rowcount:
                connection.execute(sa.insert(t).values(view=view, tenant=tenant, work=kind, **values))

    def clear(self, view: str, tenant: str, kind: RangeKind) -> None:
        with transaction(self._engine) as connection:
            if self._guard is not None:
                self._guard(connection, view, tenant, _WORK[kind])
            connection.execute(sa.delete(t).where(_is(view, tenant, kind)))


def _is(view: str, tenant: str, kind: RangeKind) -> sa.ColumnElement[bool]:
    return sa.and_(t.c.view == view, t.c.tenant == tenant, t.c.work == kind)
