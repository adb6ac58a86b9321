"""The observed platform's ports in memory: resources, operations, predictions, online rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa

from foundation.clock import FixedClock
from foundation.errors import Conflict, InvalidInput, NotFound
from platform_core.features.online.port import FeatureRow, OnlineRow, OnlineStore
from platform_core.operations.resources import (
    Resource,
    ResourceChange,
    ResourceReader,
    ResourceWriter,
)
from platform_core.operations.timeline import ChangeEvent, ChangeKind, JobRun, OperationsReader, UsageRecord
from platform_core.serving.types import PredictionLog


class FakeResources(ResourceReader, ResourceWriter):
    """Resources in a dict; patches keep the port's promises about revisions, keys and validation."""

    def __init__(self, resources: Sequence[Resource], clock: FixedClock) -> None:
        self.by_urn = {r.urn: r for r in resources}
        self.changes: dict[str, ResourceChange] = {}
        self.withdrawn: set[str] = set()
        self._clock = clock

    def get(self, urn: str) -> Resource:
        if urn not in self.by_urn:
            raise NotFound(f"no resource {urn!r}")
        return self.by_urn[urn]

    def list(self, *, kind: str | None = None, tenant: str | None = None) -> list[Resource]:
        return [
            r
            for r in self.by_urn.values()
            if (kind is None or r.spec.kind == kind) and (tenant is None or r.tenant == tenant)
        ]

    def report(self, urn: str, **status: Any) -> None:
        self.by_urn[urn] = self.by_urn[urn].model_copy(update={"status": {**self.by_urn[urn].status, **status}})

    def patch(
        self,
        urn: str,
        fields: dict[str, Any],
        *,
        expected_revision: int,
        idempotency_key: str,
        actor: str,
        reason: str,
    ) -> ResourceChange:
        if idempotency_key in self.changes:
            return self.changes[idempotency_key].model_copy(update={"replayed": True})
        if idempotency_key in self.withdrawn:
            raise Conflict(f"{idempotency_key} was withdrawn")
        resource = self.get(urn)
        if resource.revision != expected_revision:
            raise Conflict(f"{urn} is at revision {resource.revision}")
        before = resource.spec.model_dump(mode="json")
        if not set(fields) <= set(before):
            raise InvalidInput(f"unknown fields {set(fields) - set(before)}")
        spec = type(resource.spec).model_validate({**before, **fields})
        changed = resource.model_copy(
            update={"spec": spec, "revision": resource.revision + 1, "updated_at": self._clock.now()}
        )
        self.by_urn[urn] = changed
        change = ResourceChange(
            resource=changed, previous={f: before[f] for f in fields}, change_event_id=f"chg_{len(self.changes)}"
        )
        self.changes[idempotency_key] = change
        return change

    def find(self, idempotency_key: str) -> ResourceChange | None:
        return self.changes.get(idempotency_key)

    def withdraw(self, idempotency_key: str, *, actor: str) -> ResourceChange | None:
        del actor
        if idempotency_key not in self.changes:
            self.withdrawn.add(idempotency_key)
        return self.find(idempotency_key)


@dataclass
class FakeOperations(OperationsReader):
    events: list[ChangeEvent] = field(default_factory=list[ChangeEvent])
    runs: list[JobRun] = field(default_factory=list[JobRun])
    usages: list[UsageRecord] = field(default_factory=list[UsageRecord])

    def changes(
        self,
        start: datetime,
        end: datetime,
        *,
        subjects: list[str] | None = None,
        kinds: list[ChangeKind] | None = None,
    ) -> list[ChangeEvent]:
        return sorted(
            (
                e
                for e in self.events
                if start <= e.at <= end and (not subjects or e.subject in subjects) and (not kinds or e.kind in kinds)
            ),
            key=lambda e: e.at,
        )

    def job_runs(
        self, start: datetime, end: datetime, *, job: str | None = None, subject: str | None = None, limit: int = 500
    ) -> list[JobRun]:
        mine = [r for r in self.runs if start <= r.started_at <= end and job in (None, r.job)]
        return sorted(mine, key=lambda r: r.started_at, reverse=True)[:limit]

    def usage(self, resource_id: str, start: date, end: date) -> list[UsageRecord]:
        return [u for u in self.usages if u.resource_id == resource_id and start <= u.day <= end]


class FakePredictions(PredictionLog):
    def __init__(self, rows: pa.Table) -> None:
        self.rows = rows

    def read(self, start: datetime, end: datetime, *, endpoint: str | None = None) -> pa.Table:
        times = np.asarray(self.rows["ts"].cast(pa.int64()).to_numpy())
        keep = (times >= start.timestamp() * 1e6) & (times < end.timestamp() * 1e6)
        if endpoint is not None:
            keep &= np.asarray(self.rows["endpoint"].to_pylist()) == endpoint
        return self.rows.filter(pa.array(keep))


class FakeOnline(OnlineStore):
    def __init__(self) -> None:
        self.rows: dict[tuple[str, str], dict[str, FeatureRow]] = {}

    def write(self, tenant: str, view: str, rows: Sequence[FeatureRow]) -> int:
        self.rows.setdefault((tenant, view), {}).update({r.key: r for r in rows})
        return len(rows)

    restore = write

    def read(
        self, tenant: str, keys: Sequence[tuple[str, str]], *, now: datetime, ttls: Mapping[str, timedelta]
    ) -> list[OnlineRow]:
        raise AssertionError("probes do not read single rows")

    def newest_event(self, tenant: str, view: str) -> datetime | None:
        return max((r.event_ts for r in self.rows.get((tenant, view), {}).values()), default=None)

    def sample(self, tenant: str, view: str, limit: int) -> list[FeatureRow]:
        rows = sorted(self.rows.get((tenant, view), {}).values(), key=lambda r: r.event_ts, reverse=True)
        return rows[:limit]
