"""Reads shared by the monitors of one run, and references that are worth keeping for a while."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any, Generic, TypeVar

import pyarrow as pa
import pyarrow.compute

from platform_core.features.offline.port import OfflineStore
from platform_core.operations.resources import Resource, ResourceReader
from platform_core.operations.timeline import ChangeEvent, ChangeKind, JobRun, OperationsReader, UsageRecord
from platform_core.serving.types import PredictionLog
from platform_core.view import PlatformView

pc: Any = pyarrow.compute  # its kernels are made at import time: no type checker sees them

T = TypeVar("T")

HORIZON = timedelta(minutes=60)
"""No monitor's recent window reaches back further."""


class _SharedOffline(OfflineStore):
    """Reads the last `HORIZON` of a table once per run and answers later reads from it."""

    def __init__(self, store: OfflineStore, now: datetime) -> None:
        self._store = store
        self._now = now
        self._tables: dict[tuple[str, tuple[str, ...]], pa.Table] = {}

    def append(self, table: str, rows: pa.Table) -> int:
        return self._store.append(table, rows)

    def read(
        self,
        table: str,
        *,
        start: datetime | None = None,
        end: datetime | None = None,
        columns: list[str] | None = None,
        time_column: str = "event_ts",
    ) -> pa.Table:
        since = self._now - HORIZON
        if start is None or start < since or columns is None or time_column not in columns:
            return self._store.read(table, start=start, end=end, columns=columns, time_column=time_column)
        key = (table, (time_column, *columns))
        if key not in self._tables:
            self._tables[key] = self._store.read(table, start=since, columns=columns, time_column=time_column)
        return _between(self._tables[key], time_column, start, end)

    def schema(self, table: str) -> pa.Schema:
        return self._store.schema(table)

    def tables(self) -> list[str]:
        return self._store.tables()


class _SharedPredictions(PredictionLog):
    def __init__(self, log: PredictionLog, now: datetime) -> None:
        self._log = log
        self._now = now
        self._recent: pa.Table | None = None

    def read(self, start: datetime, end: datetime, *, endpoint: str | None = None) -> pa.Table:
        since = self._now - HORIZON
        if start < since:
            return self._log.read(start, end, endpoint=endpoint)
        if self._recent is None:
            self._recent = self._log.read(since, self._now + timedelta(seconds=1))
        rows = _between(self._recent, "ts", start, end)
        return rows if endpoint is None else rows.filter(pc.equal(rows["endpoint"], endpoint))

    def outcomes(self, start: datetime, end: datetime, *, endpoint: str) -> pa.Table:
        return self._log.outcomes(start, end, endpoint=endpoint)


class _SharedResources(ResourceReader):
    def __init__(self, resources: ResourceReader) -> None:
        self._resources = resources
        self._lists: dict[tuple[str | None, str | None], list[Resource]] = {}

    def get(self, urn: str) -> Resource:
        return self._resources.get(urn)

    def list(self, *, kind: str | None = None, tenant: str | None = None) -> list[Resource]:
        if (kind, tenant) not in self._lists:
            self._lists[kind, tenant] = self._resources.list(kind=kind, tenant=tenant)
        return self._lists[kind, tenant]


class _SharedOperations(OperationsReader):
    def __init__(self, operations: OperationsReader) -> None:
        self._operations = operations
        self._runs: dict[tuple[object, ...], list[JobRun]] = {}

    def changes(
        self,
        start: datetime,
        end: datetime,
        *,
        subjects: list[str] | None = None,
        kinds: list[ChangeKind] | None = None,
    ) -> list[ChangeEvent]:
        return self._operations.changes(start, end, subjects=subjects, kinds=kinds)

    def job_runs(
        self, start: datetime, end: datetime, *, job: str | None = None, subject: str | None = None, limit: int = 500
    ) -> list[JobRun]:
        key = (start, end, job, subject, limit)
        if key not in self._runs:
            self._runs[key] = self._operations.job_runs(start, end, job=job, subject=subject, limit=limit)
        return self._runs[key]

    def usage(self, resource_id: str, start: date, end: date) -> list[UsageRecord]:
        return self._operations.usage(resource_id, start, end)


def shared(view: PlatformView) -> PlatformView:
    """`view` for one run of all monitors: what several of them read is read once."""
    now = view.clock.now()
    return replace(
        view,
        offline=_SharedOffline(view.offline, now),
        predictions=_SharedPredictions(view.predictions, now),
        operations=_SharedOperations(view.operations),
        resources=_SharedResources(view.resources),
    )


def _between(rows: pa.Table, column: str, start: datetime, end: datetime | None) -> pa.Table:
    keep = pc.greater_equal(rows[column], pa.scalar(start, rows.schema.field(column).type))
    if end is not None:
        keep = pc.and_(keep, pc.less(rows[column], pa.scalar(end, rows.schema.field(column).type)))
    return rows.filter(keep)


class Kept(Generic[T]):
    """Values by key that are computed again when they are older than `lifetime` or their `version` changed.

    One that is not `settled` yet is computed anew each time: what grows must not be frozen too early.
    """

    def __init__(self, lifetime: timedelta, settled: Callable[[T], bool] = lambda value: value is not None) -> None:
        self._lifetime = lifetime
        self._settled = settled
        self._values: dict[str, tuple[datetime, object, T]] = {}

    def get(self, key: str, version: object, now: datetime, compute: Callable[[], T]) -> T:
        known = self._values.get(key)
        if known is None or known[1] != version or now - known[0] > self._lifetime:
            known = (now, version, compute())
            if not self._settled(known[2]):
                self._values.pop(key, None)
                return known[2]
            self._values[key] = known
        return known[2]
