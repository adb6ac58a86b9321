"""What keeps a platform going, a piece each: views current, monitors looking, alerts delivered, tables tidy."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Protocol

from platform_core.catalog.specs import Catalog
from platform_core.features.leases import LeaseHeld
from platform_core.features.materialization import OnChunk
from platform_core.features.ranged import Advance
from platform_core.features.target import Targets
from platform_core.monitoring.alert import Alert
from platform_core.monitoring.delivery import AlertmanagerDelivery
from platform_core.monitoring.exposition import PlatformGauges
from platform_core.monitoring.runner import MonitorRunner
from platform_core.operations.resources import ResourceReader
from platform_core.operations.timeline import JobRun
from platform_core.running.chores import Stopped

_log = logging.getLogger(__name__)

AUTHOR = "service:platform"
KEEP_FILES = timedelta(hours=1)
"""How long, on the wall, files that were joined into others stay for who still reads them."""


class Materializing(Protocol):
    """The part of `Materializer` that this needs."""

    def run(self, view: str, tenant: str) -> JobRun: ...

    def catch_up(self, view: str, tenant: str, *, author: str, on_chunk: OnChunk) -> JobRun: ...


class Streaming:
    """Keeps the views of one catalog current. The first time a view's turn comes all that is missing is loaded, then a
    step takes what arrived."""

    def __init__(self, materializer: Materializing, targets: Targets, stopping: Callable[[], bool]) -> None:
        self._materializer = materializer
        self._targets = targets
        self._stopping = stopping
        self._caught_up: set[tuple[str, str]] = set()
        self._held: set[tuple[str, str]] = set()

    def advance(self, view: str, tenant: str) -> str | None:
        """One turn. Returns what went wrong; that another process has the view is no failure, and said once.

        Raises Stopped, and as `Materializer` does.
        """
        key = view, tenant
        try:
            run = self._turn(view, tenant)
        except LeaseHeld as held:
            self._held_by_another(key, str(held))
            return None
        if run is None:
            return None
        if run.status == "cancelled" and run.error is not None:
            self._held_by_another(key, run.error)
            return None
        self._held.discard(key)
        return (run.error or "failed, and does not say why") if run.status == "failed" else None

    def _turn(self, view: str, tenant: str) -> JobRun | None:
        if (view, tenant) in self._caught_up:
            return self._materializer.run(view, tenant)
        if self._targets.cancelled(view):
            return None
        run = self._materializer.catch_up(view, tenant, author=AUTHOR, on_chunk=self._go_on)
        if run.status == "succeeded":
            self._caught_up.add((view, tenant))
        return run

    def _go_on(self, _advance: Advance) -> None:
        if self._stopping():
            raise Stopped

    def _held_by_another(self, key: tuple[str, str], said: str) -> None:
        if key not in self._held:
            self._held.add(key)
            _log.info("waiting: %s", said)


class Watching:
    """The monitors, what becomes of their alerts, and the gauges that show it."""

    def __init__(
        self, runner: MonitorRunner, gauges: PlatformGauges, delivery: AlertmanagerDelivery | None = None
    ) -> None:
        self.runner = runner
        self.gauges = gauges
        self.delivery = delivery

    def step(
        self, catalog: Catalog, resources: ResourceReader, now: datetime, rows: Mapping[tuple[str, str, str], int]
    ) -> list[Alert]:
        """Evaluate everything once. Returns what changed. `rows`: as `Materializer.counts`."""
        changed = self.runner.step()
        if self.delivery is not None:
            self.delivery.offer(changed, now)
        self.gauges.update(catalog, self.runner, resources, rows)
        return changed


@contextmanager
def delivering(delivery: AlertmanagerDelivery | None, stop: threading.Event) -> Generator[None]:
    """Alerts are posted by a thread of their own until `stop`, then once more: a slow receiver delays nobody."""
    if delivery is None:
        yield
        return
    courier = threading.Thread(target=delivery.run, args=(stop,), name="alert-delivery", daemon=True)
    courier.start()
    try:
        yield
    finally:
        stop.set()
        courier.join(timeout=6)
        delivery.step()


class Tables(Protocol):
    """The part of the Delta store that this needs."""

    def tables(self) -> list[str]: ...

    def compact(self, table: str) -> int: ...

    def vacuum(self, table: str, *, keep: timedelta) -> int: ...


def tidy(offline: Tables, turn: int) -> None:
    """Appends every second leave small files; join them as a lakehouse's own maintenance does, a table a turn."""
    tables = offline.tables()
    if not tables:
        return
    table = tables[turn % len(tables)]
    if offline.compact(table):
        offline.vacuum(table, keep=KEEP_FILES)
