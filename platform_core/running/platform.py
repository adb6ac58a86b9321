"""One process that runs a platform of whatever catalog is in force: what `vigia platform run` is.

Two threads, so that a long first load does not keep anybody from being told what is stale: one materializes every
(view, tenant) in turn, tidies tables and looks for a newly applied catalog; the other keeps the monitors as the catalog
wants them and evaluates them. A third posts alerts. What fails is said, tried again later and later, and stops nothing
else (see `chores`).
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Protocol

from prometheus_client import Gauge, generate_latest

from foundation.errors import VigiaError
from foundation.telemetry.metrics import TELEMETRY, new_registry
from platform_core.access.principals import Environment
from platform_core.catalog.specs import Catalog
from platform_core.features.target import Targets
from platform_core.monitoring.delivery import AlertmanagerDelivery
from platform_core.monitoring.exposition import PlatformGauges
from platform_core.monitoring.registry import monitors
from platform_core.monitoring.runner import MonitorRunner
from platform_core.operations.resources import ControlPlane
from platform_core.running.chores import Chore, Chores
from platform_core.running.estate import reconcile
from platform_core.running.rollout_gauges import RolloutGauges
from platform_core.running.rollout_watch import RolloutWatch, watch_of
from platform_core.running.upkeep import Materializing, Streaming, Tables, Watching, delivering, tidy
from platform_core.view import PlatformView

_log = logging.getLogger(__name__)


class Flushed(Materializing, Protocol):
    @property
    def counts(self) -> dict[tuple[str, str, str], int]: ...

    def flush(self) -> None: ...


@dataclass(frozen=True)
class Parts:
    """What is made anew for each catalog; `version` is the number of the one in force, 0 while it is the files."""

    version: int
    catalog: Catalog
    view: PlatformView
    """With the resources of the environment only."""

    materializer: Flushed


@dataclass(frozen=True)
class Intervals:
    """Between two turns, on the wall."""

    materialize: timedelta = timedelta(seconds=5)
    monitor: timedelta = timedelta(seconds=30)
    tidy: timedelta = timedelta(minutes=1)
    reload: timedelta = timedelta(seconds=10)
    rollouts: timedelta = timedelta(seconds=5)


class RunningPlatform:
    """`start`, then `run` until told to stop; or `work` and `watch` a round at a time.

    `open_parts` opens what the catalog in force needs; `version` tells its number without reading it; `chores` are
    done beside the monitors. `reports`: a directory for those of the nightly screen.
    """

    def __init__(  # the ports it stands on
        self,
        open_parts: Callable[[], Parts],
        version: Callable[[], int],
        control: ControlPlane,
        tables: Tables,
        *,
        environment: Environment = "production",
        intervals: Intervals | None = None,
        delivery: AlertmanagerDelivery | None = None,
        chores: Callable[[], Iterable[Chore]] = tuple,
        reports: Path | None = None,
        wall: Callable[[], float] = time.monotonic,
    ) -> None:
        self._open = open_parts
        self._more = chores
        self._version = version
        self._control = control
        self._tables = tables
        self._environment: Environment = environment
        self._intervals = intervals or Intervals()
        self._delivery = delivery
        self._reports = reports
        self._stop = threading.Event()
        self._parts: Parts | None = None
        self._watching: Watching | None = None
        self._watched: Parts | None = None
        self._rollouts: RolloutWatch | None = None
        self._turn = 0
        self._rounds: set[str] = set()
        self.working, self.watchful = Chores(wall=wall), Chores(wall=wall)
        self.registry = new_registry()
        self._catalog_gauge = Gauge("vigia_catalog_version", "Of the catalog in force here.", registry=self.registry)
        text = "How often in a row a view, the monitors or another chore failed."
        self._failing = Gauge("vigia_platform_chore_failures", text, ["chore"], registry=self.registry)
        self._rollout_gauges = RolloutGauges(self.registry)

    @property
    def parts(self) -> Parts:
        if self._parts is None:
            raise RuntimeError("start comes first")
        return self._parts

    @property
    def watching(self) -> Watching:
        if self._watching is None:
            raise RuntimeError("start comes first")
        return self._watching

    @property
    def problems(self) -> dict[str, str]:
        return {**self.working.problems, **self.watchful.problems}

    def waits_for(self) -> list[str]:
        """What has not been done once yet; the platform is ready when that is nothing."""
        return [name for name in ("materialization", "monitors") if name not in self._rounds]

    def start(self, stop: threading.Event | None = None) -> None:
        """Raises what keeps the catalog from being opened. `stop` ends what is under way then."""
        self._stop = stop or self._stop
        self._parts = self._watched = self._open()
        self._watching = Watching(
            MonitorRunner(self.parts.view, monitors(self._reports)), PlatformGauges(), self._delivery
        )
        self._rollouts = watch_of(self.parts.view, self._control)
        every = self._intervals
        self.working.replace(self._writing())
        self.watchful.replace(
            [
                Chore("resources", every.reload.total_seconds(), self._reconcile),
                Chore("monitors", every.monitor.total_seconds(), self._watch),
                *self._more(),
                Chore("rollouts", every.rollouts.total_seconds(), self._judge_rollouts),
            ]
        )

    def work(self) -> float:
        """One round of what writes: whatever is due. Returns the seconds until something is due again."""
        wait = self.working.step(self._stop)
        self._rounds.add("materialization")
        return wait

    def watch(self) -> float:
        """One round of what looks: whatever is due."""
        wait = self.watchful.step(self._stop)
        self._rounds.add("monitors")
        return wait

    def run(self) -> None:
        """Until the event that `start` was given; what was computed is then written, and the leases are given back."""
        threads = [
            threading.Thread(target=self._repeat, args=(round,), name=name)
            for name, round in (("materialization", self.work), ("monitors", self.watch))
        ]
        with delivering(self._delivery, self._stop):
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        self.close()

    def close(self) -> None:
        try:
            self.parts.materializer.flush()
        except VigiaError as error:
            _log.warning("not everything could be written at the end, it will be computed again: %s", error)
        if self._delivery is not None:
            if undelivered := len(self._delivery.undelivered):
                _log.warning("%d alerts were not delivered before the end", undelivered)
            self._delivery.close()

    def render(self) -> bytes:
        """All gauges, as Prometheus reads them."""
        self._catalog_gauge.set(self.parts.version)
        self._failing.clear()
        for name, failures in {**self.working.failures, **self.watchful.failures}.items():
            self._failing.labels(name).set(failures)
        return self.watching.gauges.render() + generate_latest(self.registry) + generate_latest(TELEMETRY)

    def _repeat(self, round: Callable[[], float]) -> None:
        while not self._stop.is_set():
            self._stop.wait(min(round(), 1.0))

    def _writing(self) -> list[Chore]:
        """Of the catalog in force: whether there is a newer one, each (view, tenant), and the tables."""
        parts, every = self.parts, self._intervals
        streaming = Streaming(parts.materializer, Targets(parts.catalog, parts.view.resources), self._stop.is_set)
        return [
            Chore("catalog", every.reload.total_seconds(), self._reload),
            *(
                Chore(
                    f"{view.name} of {tenant}",
                    every.materialize.total_seconds(),
                    partial(streaming.advance, view.name, tenant),
                )
                for view in parts.catalog.feature_views
                for tenant in sorted(parts.catalog.tenants(view.name))
            ),
            Chore("tables", every.tidy.total_seconds(), self._tidy),
        ]

    def _reload(self) -> str | None:
        if self._version() == self.parts.version:
            return None
        before = self.parts
        before.materializer.flush()  # first: the next one needs the leases
        after = self._open()
        for labels, count in before.materializer.counts.items():
            after.materializer.counts[labels] = after.materializer.counts.get(labels, 0) + count
        self._parts = after
        self.working.replace(self._writing())
        _log.info("catalog version %d is in force now, was %d", after.version, before.version)
        return None

    def _tidy(self) -> str | None:
        self._turn += 1
        tidy(self._tables, self._turn)
        return None

    def _reconcile(self) -> str | None:
        reconcile(self._control, self.parts.catalog, self._environment)
        return None

    def _judge_rollouts(self) -> str | None:
        if self._rollouts is None:
            return None
        changed = self._rollouts.step()
        if self._delivery is not None:
            self._delivery.offer(changed, self.parts.view.clock.now())
        self._rollout_gauges.update(self._rollouts)
        return "; ".join(f"{name}: {said}" for name, said in self._rollouts.problems.items()) or None

    def _watch(self) -> str | None:
        parts = self.parts
        if parts is not self._watched:
            reconcile(self._control, parts.catalog, self._environment)
            self.watching.runner.look_at(parts.view)
            self._rollouts = watch_of(parts.view, self._control)
            self._watched = parts
        rows = dict(parts.materializer.counts)
        self.watching.step(parts.catalog, parts.view.resources, parts.view.clock.now(), rows)
        return None
