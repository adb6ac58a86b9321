"""The running company: what happens in a tick, and the loop that makes ticks of wall seconds."""

from __future__ import annotations

import logging
import threading
import time
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

import pyarrow as pa
from sqlalchemy.engine import Engine

from audit.port import AuditLog
from foundation.clock import Clock
from foundation.errors import NotFound, VigiaError
from foundation.ids import new_id
from platform_core.catalog.graph import build_lineage
from platform_core.features.online.port import OnlineStore
from platform_core.monitoring.alert import Alert
from platform_core.monitoring.delivery import AlertmanagerDelivery
from platform_core.monitoring.exposition import PlatformGauges
from platform_core.monitoring.registry import monitors
from platform_core.monitoring.runner import MonitorRunner
from platform_core.operations.resources import ConnectorSpec, DeploymentSpec, JobSpec, Resource
from platform_core.operations.timeline import JobRun, JobStatus
from platform_core.running.models import ModelUpkeep
from platform_core.running.rollout_watch import watch_of
from platform_core.running.upkeep import Watching, delivering, tidy
from platform_core.serving.prediction_log import DeltaPredictionLog
from platform_core.simulation.boot import Booted, Progress, boot_company
from platform_core.simulation.checkout import Checkout, HttpCheckout, questions
from platform_core.simulation.deployments import behaviour
from platform_core.simulation.faults import FAULTS
from platform_core.simulation.parts import PlatformParts, assemble
from platform_core.simulation.slow_store import COMPACTION_JOB
from platform_core.training.pinned import PinnedOfflineStore
from platform_core.training.retraining import retrain
from platform_core.training.types import ModelVersion, TrainedModel
from platform_core.urn import urn
from platform_core.view import PlatformView

_log = logging.getLogger(__name__)

TICK_SECONDS = 1.0
MODELS_EVERY_TICKS = 5
SETTLE = timedelta(minutes=3)
"""How long, on the platform's clock, a scored request may take into the log: a few seconds of the wall."""

TIDY_EVERY_TICKS = 30
"""One table each time: every table's turn comes every few minutes, and no tick waits for all of them."""


@dataclass
class TickReport:
    """What one tick did, and how long it took on the wall."""

    payments: int
    changed: list[Alert]
    seconds: dict[str, float] = field(default_factory=dict[str, float])


class Simulation:
    """`tick` is one step up to the clock's now, `run` a tick a second. A fault may come in between or amid."""

    def __init__(self, booted: Booted, checkout: Checkout, *, delivery: AlertmanagerDelivery | None = None) -> None:
        self.parts = booted.parts
        self.world = booted.world
        self.view = platform_view(booted.parts)
        self.runner = MonitorRunner(self.view, monitors())
        self.gauges = PlatformGauges()
        self.rollouts = watch_of(self.view, booted.parts.resources, settle=SETTLE)
        self.checkout = checkout
        self.delivery = delivery
        self.models = model_upkeep(booted.parts)
        self.ticks = 0
        self.fault: str | None = None
        self._topics = booted.topics
        self._materializer = booted.materializer
        self._emitted_until: datetime = booted.origin
        self._unpublished: dict[str, pa.Table] = {}
        self._turn = threading.Lock()

    def inject(self, fault: str) -> None:
        """Let `fault` happen. Raises NotFound for a name that is not in FAULTS."""
        if fault not in FAULTS:
            raise NotFound(f"there is no fault {fault!r}", hint=f"faults: {', '.join(FAULTS)}")
        # Not under the tick's lock: a canary takes seconds to train, and payments do not wait for it.
        FAULTS[fault].inject(self.world)
        self.fault = fault

    def tick(self) -> TickReport:
        """Everything that happened since the last tick: payments, ingestion, materialization, monitoring."""
        with self._turn:
            stopwatch = _Stopwatch()
            now = self.parts.clock.now()
            batches = self.world.company.emit(self._emitted_until, now)
            live = self.ticks > 0
            self._emitted_until = now
            stopwatch.lap("emit")
            self._ingest(now)
            self._unpublished = {tenant: batch.table for tenant, batch in batches.items()}
            stopwatch.lap("ingest")
            if live:  # what was paid while the platform booted was scored by nobody
                legacy = self.world.legacy_traffic
                self.checkout.ask([q for batch in batches.values() for q in questions(batch, legacy_traffic=legacy)])
            stopwatch.lap("ask")
            self._watch_compaction(now)
            for view in self.parts.catalog.feature_views:
                for tenant in self._topics:
                    self._materializer.run(view.name, tenant)
            stopwatch.lap("materialize")
            watching = Watching(self.runner, self.gauges, self.delivery)
            changed = watching.step(self.parts.catalog, self.parts.resources, now, self._materializer.counts)
            changed += self._judge_rollouts(now)
            stopwatch.lap("monitor")
            if self.ticks % MODELS_EVERY_TICKS == 0:
                self.models.step()
            self.ticks += 1
            if self.ticks % TIDY_EVERY_TICKS == 0:
                tidy(self.parts.offline, self.ticks // TIDY_EVERY_TICKS)
            stopwatch.lap("rest")
            return TickReport(sum(map(len, batches.values())), changed, stopwatch.laps)

    def run(self, stop: threading.Event) -> None:
        """A tick each wall second until `stop`; a tick that was late makes the next one longer, not the next ones."""
        with delivering(self.delivery, stop):
            due = time.monotonic()
            while not stop.is_set():
                try:
                    self.tick()
                except VigiaError as error:
                    _log.warning("tick %d was cut short: %s", self.ticks, error)
                due = max(due + TICK_SECONDS, time.monotonic())
                stop.wait(due - time.monotonic())
        self.close()

    def close(self) -> None:
        self.checkout.close()
        self._materializer.flush()
        if self.delivery is not None:
            self.delivery.close()

    def _judge_rollouts(self, now: datetime) -> list[Alert]:
        changed = self.rollouts.step()
        if self.delivery is not None:
            self.delivery.offer(changed, now)
        return changed

    def _ingest(self, now: datetime) -> None:
        """Publish what was authorised a tick ago, by the version that is deployed now; let the connectors drain."""
        resources = {
            resource.urn: resource
            for kind in ("deployment", "connector")
            for resource in self.parts.resources.list(kind=kind)
        }
        for tenant, topic in self._topics.items():
            rows = self._unpublished.get(tenant)
            deployment = resources[urn("deployment", f"ingest-{tenant}")].spec
            if rows is not None and isinstance(deployment, DeploymentSpec):
                topic.publish(behaviour(deployment.service, deployment.version)(rows))
            self._converge(resources[urn("connector", f"payments_{tenant}")], tenant, now)

    def _converge(self, resource: Resource, tenant: str, now: datetime) -> None:
        if not isinstance(resource.spec, ConnectorSpec):
            return
        status = self.world.connectors[tenant].step(resource.spec, now)
        if status != resource.status:
            self.parts.resources.report_status(resource.urn, status)

    def _watch_compaction(self, now: datetime) -> None:
        """The compaction's controller: it stops a running one when its resource says so, and goes on with what was left
        of it once it may run again."""
        resource = self.parts.resources.get(COMPACTION_JOB)
        cancelled = isinstance(resource.spec, JobSpec) and resource.spec.desired == "cancelled"
        state = resource.status.get("state")
        if state == "cancelled" and not cancelled:
            self._record_compaction(new_id("run"), now, "running")
        elif state == "running" and cancelled:
            self._record_compaction(resource.status["run"], now, "cancelled", resource.status["since"])

    def _record_compaction(self, run: str, now: datetime, status: JobStatus, since: str | None = None) -> None:
        """A run begins, or (with `since`, when it began) ends."""
        began = now if since is None else datetime.fromisoformat(since)
        subject, ended = urn("store", "online"), None if since is None else now
        self.parts.operations.record_job(
            JobRun(id=run, job=COMPACTION_JOB, subject=subject, started_at=began, ended_at=ended, status=status)
        )
        self.parts.resources.report_status(COMPACTION_JOB, {"state": status, "run": run, "since": began.isoformat()})


def model_upkeep(parts: PlatformParts) -> ModelUpkeep:
    """Trains what people asked for, on the company's own data."""

    def train(like: ModelVersion, since: datetime | None) -> TrainedModel:
        return retrain(PinnedOfflineStore(parts.offline), parts.catalog, like, now=parts.clock.now(), since=since)

    return ModelUpkeep(
        parts.resources, parts.registry, parts.operations, parts.clock, train, catalog=lambda: parts.catalog
    )


def platform_view(parts: PlatformParts) -> PlatformView:
    """The read-only view of these parts, with the lineage of the catalog and of what is deployed."""
    return PlatformView(
        clock=parts.clock,
        catalog=parts.catalog,
        lineage=build_lineage(parts.catalog, parts.resources.list()),
        offline=parts.offline,
        online=parts.online,
        resources=parts.resources,
        operations=parts.operations,
        predictions=DeltaPredictionLog(parts.offline),
    )


def boot(
    *,
    data_dir: Path,
    engine: Engine,
    clock: Clock,
    audit: AuditLog,
    origin: datetime,
    seed: int,
    serving_url: str,
    serving_key: str | None = None,
    alert_url: str | None,
    alert_secret: str,
    progress: Progress,
    online: OnlineStore | None = None,
) -> Simulation:
    """The whole company, ready to `run`: stores below `data_dir`, scores from `serving_url`, alerts to `alert_url`.

    Raises Conflict when `data_dir` already holds a company (`parts.clear` makes room).
    """
    parts = assemble(data_dir, engine, clock, audit, online=online)
    booted = boot_company(parts, origin=origin, seed=seed, progress=progress)
    delivery = None if alert_url is None else AlertmanagerDelivery(alert_url, alert_secret)
    simulation = Simulation(booted, HttpCheckout(serving_url, api_key=serving_key), delivery=delivery)
    progress("live", "payments flow")
    return simulation


class _Stopwatch:
    def __init__(self) -> None:
        self.laps: dict[str, float] = {}
        self._last = time.perf_counter()

    def lap(self, name: str) -> None:
        now = time.perf_counter()
        self.laps[name] = now - self._last
        self._last = now
