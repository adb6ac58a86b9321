"""The health report of every night: once per day of the platform's clock, whatever is restarted meanwhile.

The row of the day is the lease, the memory and the report itself: a worker that dies before it was written is taken
over, one that dies before people were told leaves only the telling. People may be told twice, never not at all.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from datetime import time as time_of_day
from pathlib import Path
from typing import Protocol

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from agents.health.rendering import render_markdown
from agents.health.tables import nightly_reports as rows
from agents.health.types import HealthReport
from agents.incident.repositories.insert import insert_once
from agents.runbooks.files import write_atomically
from audit.entry import AuditRecord
from audit.port import AuditLog
from foundation.clock import Clock
from foundation.database import reading, transaction
from foundation.ids import new_id

CATCH_UP = timedelta(hours=2)
"""How late a report is still written: one of the night is no use in the afternoon."""
LEASE_SECONDS = 120.0
RETRY_SECONDS = 60.0


class ReportReader(Protocol):
    """Where people are told of a report."""

    def report_written(self, report: HealthReport) -> None: ...


class Nightly:
    """`step` does what is due and says whether that was anything. `at`: time of day in UTC, on the platform's clock."""

    def __init__(
        self,
        engine: Engine,
        clock: Clock,
        audit: AuditLog,
        *,
        at: time_of_day,
        build: Callable[[], HealthReport],
        directory: Path,
        readers: Sequence[ReportReader] = (),
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._engine = engine
        self._clock = clock
        self._audit = audit
        self._at = at
        self._build = build
        self._directory = directory
        self._readers = tuple(readers)
        self._wall = wall
        self._owner = new_id("wrk")

    def step(self) -> bool:
        """Raises what building or telling raises; the day is then tried again after a pause."""
        day = self._due()
        if day is None or not self._claim(day):
            return False
        try:
            report = self._written(day) or self._write(day)
            for reader in self._readers:
                reader.report_written(report)
        except Exception:
            self._lease(day, RETRY_SECONDS)
            raise
        with transaction(self._engine) as connection:
            self._set(connection, day, told_at=self._clock.now())
        return True

    def _due(self) -> str | None:
        now = self._clock.now()
        since = now - datetime.combine(now.date(), self._at, UTC)
        return now.date().isoformat() if timedelta() <= since < CATCH_UP else None

    def _claim(self, day: str) -> bool:
        """Take the day, if nobody has it or had it and died."""
        until = self._wall() + LEASE_SECONDS
        with reading(self._engine) as connection:
            known = connection.execute(sa.select(rows.c.told_at).where(rows.c.day == day)).one_or_none()
        if known is not None and known.told_at is not None:
            return False
        with transaction(self._engine) as connection:
            if insert_once(connection, rows, {"day": day, "owner": self._owner, "expires_wall": until}):
                return True
            taken = connection.execute(
                sa.update(rows)
                .where(rows.c.day == day, rows.c.told_at.is_(None), rows.c.expires_wall < self._wall())
                .values(owner=self._owner, expires_wall=until)
            )
        return taken.rowcount == 1

    def _write(self, day: str) -> HealthReport:
        report = self._build()
        write_atomically(self._directory / f"health-{day}.md", render_markdown(report))
        with transaction(self._engine) as connection:
            document = report.model_dump_json(exclude={"counts", "verdict"})  # computed from the rest
            written = {"written_at": self._clock.now(), "verdict": report.verdict, "document": document}
            self._set(connection, day, **written)
            record = AuditRecord(
                action="health.reported",
                actor="service:worker",
                subject=f"health:{day}",
                payload={"verdict": report.verdict, "counts": dict(report.counts)},
            )
            self._audit.append(record, connection=connection)
        return report

    def _written(self, day: str) -> HealthReport | None:
        with reading(self._engine) as connection:
            document = connection.execute(sa.select(rows.c.document).where(rows.c.day == day)).scalar_one()
        return None if document is None else HealthReport.model_validate_json(document)

    def _lease(self, day: str, seconds: float) -> None:
        with transaction(self._engine) as connection:
            self._set(connection, day, expires_wall=self._wall() + seconds)

    def _set(self, connection: Connection, day: str, **values: object) -> None:
        mine = (rows.c.day == day) & (rows.c.owner == self._owner)
        connection.execute(sa.update(rows).where(mine).values(**values))
