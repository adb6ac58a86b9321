"""A platform in memory for monitors to look at: tables, online times, resources and records set by the test."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta

import numpy as np
import pyarrow as pa

from foundation.clock import FixedClock
from foundation.errors import NotFound, Unavailable
from platform_core.catalog.lineage import Lineage
from platform_core.catalog.loading import load_catalog
from platform_core.features.online.port import FeatureRow, OnlineRow, OnlineStore
from platform_core.operations.resources import MonitorSpec, Resource, ResourceReader, SourceSpec, Spec
from platform_core.operations.timeline import ChangeEvent, ChangeKind, JobRun, OperationsReader, UsageRecord
from platform_core.serving.prediction_log import DeltaPredictionLog
from platform_core.simulation.parts import CATALOG_DIRECTORY
from platform_core.view import PlatformView
from tests.fakes.offline_store import FakeOfflineStore

NOW = datetime(2026, 11, 19, 6, 0, tzinfo=UTC)
TIMESTAMP = pa.timestamp("us", tz="UTC")


class FakeOnlineTimes(OnlineStore):
    """Knows only how new each view is; does not answer while `down`."""

    def __init__(self) -> None:
        self.newest: dict[tuple[str, str], datetime] = {}
        self.down = False

    def write(self, tenant: str, view: str, rows: Sequence[FeatureRow]) -> int:
        self.newest[tenant, view] = max(row.event_ts for row in rows)
        return len(rows)

    def restore(self, tenant: str, view: str, rows: Sequence[FeatureRow]) -> int:
        return self.write(tenant, view, rows)

    def read(
        self, tenant: str, keys: Sequence[tuple[str, str]], *, now: datetime, ttls: Mapping[str, timedelta]
    ) -> list[OnlineRow]:
        return [OnlineRow(view, key, "missing", None, {}) for view, key in keys]

    def newest_event(self, tenant: str, view: str) -> datetime | None:
        if self.down:
            raise Unavailable("the online store is down")
        return self.newest.get((tenant, view))

    def sample(self, tenant: str, view: str, limit: int) -> list[FeatureRow]:
        return []


class FakeResourceList(ResourceReader):
    def __init__(self) -> None:
        self.resources: dict[str, Resource] = {}

    def put(self, urn: str, spec: Spec, tenant: str | None) -> None:
        self.resources[urn] = Resource(
            urn=urn, tenant=tenant, environment="production", spec=spec, revision=1, updated_at=NOW
        )

    def get(self, urn: str) -> Resource:
        if urn not in self.resources:
            raise NotFound(f"there is no resource {urn!r}")
        return self.resources[urn]

    def list(self, *, kind: str | None = None, tenant: str | None = None) -> list[Resource]:
        return [r for r in self.resources.values() if kind in (None, r.spec.kind) and tenant in (None, r.tenant)]


class FakeRecords(OperationsReader):
    def __init__(self) -> None:
        self.runs: list[JobRun] = []
        self.days: list[UsageRecord] = []

    def changes(
        self,
        start: datetime,
        end: datetime,
        *,
        subjects: list[str] | None = None,
        kinds: list[ChangeKind] | None = None,
    ) -> list[ChangeEvent]:
        return []

    def job_runs(
        self, start: datetime, end: datetime, *, job: str | None = None, subject: str | None = None, limit: int = 500
    ) -> list[JobRun]:
        runs = [r for r in self.runs if start <= r.started_at <= end and job in (None, r.job)]
        return sorted(runs, key=lambda run: run.started_at, reverse=True)[:limit]

    def usage(self, resource_id: str, start: date, end: date) -> list[UsageRecord]:
        return [d for d in self.days if d.resource_id == resource_id and start <= d.day <= end]


class Monitored:
    """The parts, and the view over them."""

    def __init__(self) -> None:
        self.clock = FixedClock(NOW)
        self.offline = FakeOfflineStore()
        self.online = FakeOnlineTimes()
        self.resources = FakeResourceList()
        self.records = FakeRecords()
        self.view = PlatformView(
            clock=self.clock,
            catalog=load_catalog(CATALOG_DIRECTORY),
            lineage=Lineage([], {}),
            offline=self.offline,
            online=self.online,
            resources=self.resources,
            operations=self.records,
            predictions=DeltaPredictionLog(self.offline),
        )

    def watch(self, name: str, subject: str, threshold: float, tenant: str | None = "br", **more: datetime) -> None:
        spec = MonitorSpec(subject=subject, threshold=threshold, **more)
        self.resources.put(f"urn:vigia:monitor:{name}", spec, tenant)

    def quarantine(self, source: str, since: datetime | None, tenant: str = "br") -> None:
        self.resources.put(f"urn:vigia:source:{source}", SourceSpec(quarantine_since=since), tenant)

    def payments(
        self, start: datetime, minutes: int, per_minute: int, *, median: float = 40.0, nulls: float = 0.0, seed: int = 1
    ) -> None:
        """Append evenly spaced payments_br with log-normal amounts."""
        rng = np.random.default_rng(seed)
        count = minutes * per_minute
        times = [start + timedelta(minutes=minutes) * (n / count) for n in range(count)]
        amounts = np.exp(rng.normal(np.log(median), 1.0, count))
        lost = rng.random(count) < nulls
        self.offline.append(
            "payments_br",
            pa.table({"event_ts": pa.array(times, TIMESTAMP), "amount": pa.array(amounts, mask=lost)}),
        )

    def predictions(
        self, start: datetime, minutes: int, per_minute: int, *, declined: float, latency_ms: float = 6.0, seed: int = 1
    ) -> None:
        rng = np.random.default_rng(seed)
        count = minutes * per_minute
        times = [start + timedelta(minutes=minutes) * (n / count) for n in range(count)]
        scores = rng.random(count)
        self.offline.append(
            "predictions",
            pa.table(
                {
                    "ts": pa.array(times, TIMESTAMP),
                    "endpoint": ["fraud-br"] * count,
                    "tenant": ["br"] * count,
                    "model_version": ["1"] * count,
                    "variant": ["champion"] * count,
                    "score": scores,
                    "declined": scores > 1 - declined,
                    "amount": scores,
                    "latency_ms": rng.lognormal(np.log(latency_ms), 0.2, count),
                    "store_ms": scores,
                    "model_ms": scores,
                    "degraded": np.zeros(count, dtype=np.int64),
                }
            ),
        )
