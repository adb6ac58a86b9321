"""A platform in memory with planted trouble: two tenants, two days of payments, and a fault in the last minutes.

Payments come four a minute per tenant. `plant` changes what the ingest of `br` wrote since `ONSET`, exactly as its
name says; the scoring requests of the same payments are in the prediction log with the true amounts.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa

from foundation.clock import FixedClock
from platform_core.catalog.lineage import Lineage
from platform_core.features.online.port import FeatureRow
from platform_core.operations.resources import (
    ConnectorSpec,
    DeploymentSpec,
    JobSpec,
    ModelSpec,
    MonitorSpec,
    Resource,
    RolloutSpec,
    SourceSpec,
    Spec,
)
from platform_core.operations.timeline import ChangeEvent, ChangeKind, JobRun, UsageRecord
from platform_core.urn import urn
from platform_core.view import PlatformView
from tests.fakes.observed_catalog import CATALOG, NOW, ONSET, PER_MINUTE, TENANTS, TIME
from tests.fakes.observed_ports import FakeOnline, FakeOperations, FakePredictions, FakeResources
from tests.fakes.offline_store import FakeOfflineStore


@dataclass
class ObservedPlatform:
    """The view and the fakes behind it, to plant trouble in."""

    view: PlatformView
    resources: FakeResources
    operations: FakeOperations
    online: FakeOnline
    predictions: FakePredictions
    offline: FakeOfflineStore
    clock: FixedClock

    def plant(self, tenant: str, change: Callable[[pa.Table], pa.Table], *, since: datetime = ONSET) -> None:
        """Replace the rows since `since` by `change(rows)`."""
        name = f"payments_{tenant}"
        before, after = self.offline.read(name, end=since), change(self.offline.read(name, start=since))
        table = pa.concat_tables([before, after], promote_options="permissive") if after.num_rows else before
        tables = {t: self.offline.read(t) for t in self.offline.tables()} | {name: table}
        self._replace_offline(FakeOfflineStore(tables))

    def replant_predictions(self, rows: pa.Table) -> None:
        self.predictions.rows = rows

    def deploy(self, tenant: str, version: str, *, at: datetime | None = None, summary: str = "release") -> None:
        """The deployment's resource at `version`, and its event."""
        target = urn("deployment", f"ingest-{tenant}")
        old = self.resources.get(target)
        spec = DeploymentSpec.model_validate(
            {**old.spec.model_dump(), "version": version, "previous_version": getattr(old.spec, "version", None)}
        )
        self.resources.by_urn[target] = old.model_copy(update={"spec": spec, "revision": old.revision + 1})
        self.event(
            "deploy", target, at=at or ONSET - timedelta(minutes=1), summary=summary, details={"version": version}
        )

    def event(
        self, kind: ChangeKind, subject: str, *, at: datetime, summary: str, details: dict[str, Any] | None = None
    ) -> None:
        self.operations.events.append(
            ChangeEvent(
                id=f"chg_{len(self.operations.events)}",
                at=at,
                kind=kind,
                subject=subject,
                tenant=self.view.lineage.tenant(subject),
                summary=summary,
                author="human:ana",
                details=details or {},
            )
        )

    def _replace_offline(self, offline: FakeOfflineStore) -> None:
        self.offline = offline
        self.view = replace(self.view, offline=offline)


def observed_platform(seed: int = 5) -> ObservedPlatform:
    """A healthy platform at `NOW`."""
    clock = FixedClock(NOW)
    rng = np.random.default_rng(seed)
    tables = {f"payments_{t}": _payments(t, rng) for t in TENANTS}
    offline, online = FakeOfflineStore(tables), FakeOnline()
    predictions = FakePredictions(pa.concat_tables([_scores(t, tables[f"payments_{t}"], rng) for t in TENANTS]))
    for tenant in TENANTS:
        for view, key in (("card_velocity", "card_id"), ("device_risk", "device_id")):
            online.write(tenant, view, _online_rows(tables[f"payments_{tenant}"], key))
    resources = FakeResources(_resources(), clock)
    operations = FakeOperations(runs=_runs(), usages=_usage())
    view = PlatformView(
        clock=clock,
        catalog=CATALOG,
        lineage=_lineage(),
        offline=offline,
        online=online,
        resources=resources,
        operations=operations,
        predictions=predictions,
    )
    return ObservedPlatform(view, resources, operations, online, predictions, offline, clock)


def _payments(tenant: str, rng: np.random.Generator) -> pa.Table:
    count = 2 * 24 * 60 * PER_MINUTE
    end = int(NOW.timestamp() * 1e6)
    at = np.sort(rng.integers(end - 2 * 24 * 3600 * 1_000_000, end - 1, count))
    return pa.table(
        {
            "event_id": [f"{tenant}-{i}" for i in range(count)],
            "event_ts": pa.array(at).cast(TIME),
            "ingested_at": pa.array(at + 1_000_000).cast(TIME),
            "card_id": [f"card-{i}" for i in rng.integers(0, 300, count)],
            "device_id": [f"device-{i}" for i in rng.integers(0, 200, count)],
            "amount": np.round(np.exp(rng.normal(3.5, 0.9, count)), 2),
        }
    )


def _scores(tenant: str, payments: pa.Table, rng: np.random.Generator) -> pa.Table:
    count = payments.num_rows
    score = np.clip(rng.beta(1.2, 20, count), 0, 1)
    store, model = rng.lognormal(0.6, 0.3, count), rng.lognormal(-0.6, 0.3, count)
    return pa.table(
        {
            "ts": payments["event_ts"],
            "endpoint": pa.array([f"fraud-{tenant}"] * count),
            "tenant": pa.array([tenant] * count),
            "model_version": pa.array(["1"] * count),
            "variant": pa.array(["champion"] * count),
            "score": score,
            "declined": pa.array(score > 0.2),
            "amount": payments["amount"],
            "latency_ms": store + model + 1.0,
            "store_ms": store,
            "model_ms": model,
            "degraded": np.zeros(count, dtype=np.int64),
        }
    )


def _online_rows(payments: pa.Table, key: str) -> list[FeatureRow]:
    """The newest row of each key, computed plainly."""
    recent = payments.slice(payments.num_rows - 24 * 60 * PER_MINUTE)
    by_key: dict[str, list[tuple[datetime, datetime, float]]] = {}
    for row in recent.select([key, "event_ts", "ingested_at", "amount"]).to_pylist():
        by_key.setdefault(row[key], []).append((row["event_ts"], row["ingested_at"], row["amount"]))
    rows: list[FeatureRow] = []
    for name, events in by_key.items():
        newest, arrived, _ = events[-1]
        window = [amount for at, _, amount in events if newest - timedelta(hours=1) < at <= newest]
        values = {"tx_count_1h": float(len(window)), "amount_sum_1h": float(sum(window))}
        rows.append(FeatureRow(key=name, event_ts=newest, created_ts=arrived, values=values))
    return rows


def _resource(name: str, spec: Spec, tenant: str | None, **status: Any) -> Resource:
    return Resource(
        urn=name, tenant=tenant, environment="production", spec=spec, status=status, revision=3, updated_at=NOW
    )


def _resources() -> list[Resource]:
    found: list[Resource] = []
    for t in TENANTS:
        source = urn("source", f"payments_{t}")
        endpoint = RolloutSpec(model="fraud_score", champion="1", feature_service="fraud_v1")
        serving = {"champion": "1", "canary": None}
        deployment = DeploymentSpec(
            service=f"ingest-{t}", source=f"payments_{t}", version="4.6.2", previous_version="4.6.1"
        )
        found += [
            _resource(source, SourceSpec(), t),
            _resource(urn("connector", f"payments_{t}"), ConnectorSpec(source=f"payments_{t}"), t, state="running"),
            _resource(urn("deployment", f"ingest-{t}"), deployment, t),
            _resource(urn("endpoint", f"fraud-{t}"), endpoint, t, replicas_ready=2, serving=serving),
            _resource(urn("monitor", f"drift-payments_{t}-amount"), MonitorSpec(subject=source, threshold=0.25), t),
            _resource(
                urn("monitor", f"latency-fraud-{t}"),
                MonitorSpec(subject=urn("endpoint", f"fraud-{t}"), threshold=60),
                t,
            ),
        ]
    for view in ("card_velocity", "device_risk"):
        job = urn("job", f"materialize-{view}")
        found.append(_resource(job, JobSpec(subject=urn("feature_view", view)), None, state="running"))
    for model in ("fraud_score", "refund_score"):
        status = {"state": "idle", "trainings": 0, "production": "1", "usable": True}
        found.append(_resource(urn("model", model), ModelSpec(production="1"), None, **status))
    store = JobSpec(subject=urn("store", "online"))
    found.append(_resource(urn("job", "online-compaction"), store, None, state="idle"))
    return found


def _lineage() -> Lineage:
    edges: list[tuple[str, str]] = []
    tenants: dict[str, str] = {}
    for t in TENANTS:
        source, connector = urn("source", f"payments_{t}"), urn("connector", f"payments_{t}")
        deployment, endpoint = urn("deployment", f"ingest-{t}"), urn("endpoint", f"fraud-{t}")
        tenants |= dict.fromkeys((source, connector, deployment, endpoint), t)
        edges += [(deployment, connector), (connector, source), (urn("model", "fraud_score"), endpoint)]
        edges += [(urn("store", "online"), endpoint)]
        edges += [(source, urn("feature_view", v)) for v in ("card_velocity", "device_risk")]
    for view in ("card_velocity", "device_risk"):
        edges.append((urn("feature_view", view), urn("feature_service", "fraud_v1")))
        edges.append((urn("job", f"materialize-{view}"), urn("feature_view", view)))
    edges.append((urn("feature_service", "fraud_v1"), urn("model", "fraud_score")))
    edges.append((urn("job", "online-compaction"), urn("store", "online")))
    return Lineage(edges, tenants)


def _runs() -> list[JobRun]:
    return [
        JobRun(
            id=f"run-{view}-{t}-{minute}",
            job=urn("job", f"materialize-{view}"),
            subject=urn("feature_view", view),
            tenant=t,
            started_at=NOW - timedelta(minutes=minute),
            ended_at=NOW - timedelta(minutes=minute),
            status="succeeded",
            rows=4,
        )
        for view in ("card_velocity", "device_risk")
        for t in TENANTS
        for minute in range(1, 60)
    ]


def _usage() -> list[UsageRecord]:
    return [
        UsageRecord(
            day=NOW.date() - timedelta(days=age),
            resource_id=urn("endpoint", f"fraud-{t}"),
            tenant=t,
            requests=5760,
            replicas=2,
            cpu_utilization=0.35,
            p99_latency_ms=12,
            billed_cost=9.6,
        )
        for t in TENANTS
        for age in range(30, 0, -1)
    ]
