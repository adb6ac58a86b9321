"""The operations timeline in the metadata database."""

from __future__ import annotations

from datetime import date, datetime

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.exc import IntegrityError

from foundation.database import reading, transaction
from foundation.errors import Conflict
from platform_core.operations.tables import change_events, job_runs, usage_daily
from platform_core.operations.timeline import (
    ChangeEvent,
    ChangeKind,
    JobRun,
    JobStatus,
    OperationsReader,
    OperationsRecorder,
    UsageRecord,
)


def insert_change(connection: Connection, event: ChangeEvent) -> None:
    """Record `event` in the caller's transaction."""
    connection.execute(change_events.insert().values(event.model_dump()))


def find_change(connection: Connection, event_id: str) -> ChangeEvent | None:
    row = connection.execute(sa.select(change_events).where(change_events.c.id == event_id)).mappings().one_or_none()
    return None if row is None else ChangeEvent.model_validate(dict(row))


def faults_of(connection: Connection, subject: str, since: datetime) -> list[ChangeEvent]:
    """Newest first, in the caller's transaction."""
    query = sa.select(change_events).where(
        change_events.c.at >= since, change_events.c.kind == "fault", change_events.c.subject == subject
    )
    rows = connection.execute(query.order_by(change_events.c.at.desc(), change_events.c.id.desc())).mappings()
    return [ChangeEvent.model_validate(dict(row)) for row in rows]


class SqlOperations(OperationsReader, OperationsRecorder):
    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def changes(
        self,
        start: datetime,
        end: datetime,
        *,
        subjects: list[str] | None = None,
        kinds: list[ChangeKind] | None = None,
    ) -> list[ChangeEvent]:
        query = sa.select(change_events).where(change_events.c.at.between(start, end))
        if subjects is not None:
            query = query.where(change_events.c.subject.in_(subjects))
        if kinds is not None:
            query = query.where(change_events.c.kind.in_(kinds))
        with reading(self._engine) as connection:
            rows = connection.execute(query.order_by(change_events.c.at, change_events.c.id)).mappings()
            return [ChangeEvent.model_validate(dict(row)) for row in rows]

    def job_runs(
        self, start: datetime, end: datetime, *, job: str | None = None, subject: str | None = None, limit: int = 500
    ) -> list[JobRun]:
        query = sa.select(job_runs).where(job_runs.c.started_at.between(start, end))
        if job is not None:
            query = query.where(job_runs.c.job == job)
        if subject is not None:
            query = query.where(job_runs.c.subject == subject)
        query = query.order_by(job_runs.c.started_at.desc(), job_runs.c.id.desc()).limit(limit)
        with reading(self._engine) as connection:
            return [JobRun.model_validate(dict(row)) for row in connection.execute(query).mappings()]

    def timeline(
        self,
        start: datetime,
        end: datetime,
        *,
        kinds: list[ChangeKind] | None = None,
        subject: str | None = None,
        tenants: frozenset[str] | None = None,
        limit: int = 200,
    ) -> list[ChangeEvent]:
        """Change events with start <= at <= end, newest first; `tenants`: only what is theirs, None for everything."""
        query = sa.select(change_events).where(change_events.c.at.between(start, end))
        if kinds:
            query = query.where(change_events.c.kind.in_(kinds))
        if subject is not None:
            query = query.where(change_events.c.subject == subject)
        if tenants is not None:
            query = query.where(change_events.c.tenant.in_(sorted(tenants)))
        query = query.order_by(change_events.c.at.desc(), change_events.c.id.desc()).limit(limit)
        with reading(self._engine) as connection:
            return [ChangeEvent.model_validate(dict(row)) for row in connection.execute(query).mappings()]

    def runs(
        self,
        start: datetime,
        end: datetime,
        *,
        status: JobStatus | None = None,
        job: str | None = None,
        tenants: frozenset[str] | None = None,
        limit: int = 200,
    ) -> list[JobRun]:
        """Runs started in [start, end], newest first; `tenants` as in `timeline`."""
        query = sa.select(job_runs).where(job_runs.c.started_at.between(start, end))
        for column, wanted in ((job_runs.c.status, status), (job_runs.c.job, job)):
            if wanted is not None:
                query = query.where(column == wanted)
        if tenants is not None:
            query = query.where(job_runs.c.tenant.in_(sorted(tenants)))
        query = query.order_by(job_runs.c.started_at.desc(), job_runs.c.id.desc()).limit(limit)
        with reading(self._engine) as connection:
            return [JobRun.model_validate(dict(row)) for row in connection.execute(query).mappings()]

    def unfinished(self, job: str, tenant: str | None) -> list[JobRun]:
        """Runs that never said how they ended: they are at work, or their process was killed."""
        running = sa.and_(job_runs.c.job == job, job_runs.c.tenant == tenant, job_runs.c.status == "running")
        with reading(self._engine) as connection:
            rows = connection.execute(sa.select(job_runs).where(running).order_by(job_runs.c.started_at)).mappings()
            return [JobRun.model_validate(dict(row)) for row in rows]

    def usage(self, resource_id: str, start: date, end: date) -> list[UsageRecord]:
        query = (
            sa.select(usage_daily)
            .where(usage_daily.c.resource_id == resource_id, usage_daily.c.day.between(start, end))
            .order_by(usage_daily.c.day)
        )
        with reading(self._engine) as connection:
            return [UsageRecord.model_validate(dict(row)) for row in connection.execute(query).mappings()]

    def billed(self, start: date, end: date) -> list[UsageRecord]:
        """Of every resource, days in [start, end], oldest first."""
        query = sa.select(usage_daily).where(usage_daily.c.day.between(start, end))
        with reading(self._engine) as connection:
            rows = connection.execute(query.order_by(usage_daily.c.day, usage_daily.c.resource_id)).mappings()
            return [UsageRecord.model_validate(dict(row)) for row in rows]

    def record_change(self, event: ChangeEvent) -> None:
        """Raises Conflict when an event with this id is there already: events are never rewritten."""
        try:
            with transaction(self._engine) as connection:
                insert_change(connection, event)
        except IntegrityError as error:
            raise Conflict(f"change event {event.id!r} is already recorded") from error

    def record_job(self, run: JobRun) -> None:
        values = run.model_dump()
        with transaction(self._engine) as connection:
            updated = connection.execute(job_runs.update().where(job_runs.c.id == run.id).values(values))
            if updated.rowcount == 0:
                connection.execute(job_runs.insert().values(values))

    def record_usage(self, records: list[UsageRecord]) -> None:
        """Store the days; a day that is there already is replaced, as billing restates recent days."""
        if not records:
            return
        with transaction(self._engine) as connection:
            for record in records:
                connection.execute(
                    usage_daily.delete().where(
                        usage_daily.c.resource_id == record.resource_id, usage_daily.c.day == record.day
                    )
                )
            connection.execute(usage_daily.insert(), [record.model_dump() for record in records])
