"""The loop that runs a platform: what fails stops nothing else, a new catalog is picked up, monitors follow it."""

from __future__ import annotations

import threading
from collections import Counter
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from foundation.errors import Unavailable
from foundation.ids import new_id
from platform_core.access.principals import Environment
from platform_core.catalog.specs import Catalog
from platform_core.features.leases import LeaseHeld
from platform_core.features.materialization import OnChunk
from platform_core.features.ranged import Advance
from platform_core.operations.resources import JobSpec, MonitorSpec, Resource, ResourceChange, Spec
from platform_core.operations.timeline import JobRun, JobStatus
from platform_core.running.chores import LONGEST_BACKOFF_S, Chore, Chores
from platform_core.running.estate import OfEnvironment, reconcile
from platform_core.running.platform import Parts, RunningPlatform
from tests.fakes.monitored import NOW, FakeResourceList, Monitored

FRESHNESS = "urn:vigia:monitor:freshness-card_velocity-br"


class Wall:
    def __init__(self) -> None:
        self.at = 0.0

    def __call__(self) -> float:
        return self.at


class FakeControl(FakeResourceList):
    """A control plane in memory that can be written, too."""

    def create(
        self,
        urn: str,
        spec: Spec,
        *,
        tenant: str | None = None,
        environment: Environment = "production",
        status: dict[str, Any] | None = None,
        actor: str,
    ) -> Resource:
        self.put(urn, spec, tenant)
        made = self.resources[urn].model_copy(update={"environment": environment, "status": status or {}})
        self.resources[urn] = made
        return made

    def report_status(self, urn: str, status: dict[str, Any]) -> None:
        self.resources[urn] = self.resources[urn].model_copy(update={"status": status})

    def patch(self, urn: str, fields: dict[str, Any], **_how: Any) -> ResourceChange:
        before = self.resources[urn]
        spec = before.spec.model_copy(update=fields)
        after = before.model_copy(update={"spec": spec, "revision": before.revision + 1})
        self.resources[urn] = after
        return ResourceChange(resource=after, previous={}, change_event_id=new_id("chg"))

    def find(self, idempotency_key: str) -> ResourceChange | None:
        return None

    def withdraw(self, idempotency_key: str, *, actor: str) -> ResourceChange | None:
        return None


class FakeMaterializer:
    """Remembers who had a turn; `broken` views fail in the way that is set."""

    def __init__(self) -> None:
        self.turns: list[tuple[str, str, str]] = []
        self.broken: dict[str, Exception | str] = {}
        self.counts: Counter[tuple[str, str, str]] = Counter()
        self.flushed = 0

    def run(self, view: str, tenant: str) -> JobRun:
        return self._turn("run", view, tenant)

    def catch_up(self, view: str, tenant: str, *, author: str, on_chunk: OnChunk) -> JobRun:
        on_chunk(Advance(1, 2, 1, NOW))
        return self._turn("catch_up", view, tenant)

    def flush(self) -> None:
        self.flushed += 1

    def _turn(self, how: str, view: str, tenant: str) -> JobRun:
        self.turns.append((how, view, tenant))
        wrong = self.broken.get(view)
        if isinstance(wrong, Exception):
            raise wrong
        self.counts[view, tenant, "taken"] += 1
        status: JobStatus = "succeeded" if wrong is None else "failed"
        subject = f"urn:vigia:feature_view:{view}"
        return JobRun(id="run", job="urn:vigia:job:x", subject=subject, started_at=NOW, status=status, error=wrong)


class NoTables:
    def tables(self) -> list[str]:
        return []

    def compact(self, table: str) -> int:
        raise AssertionError("there is none")

    def vacuum(self, table: str, *, keep: timedelta) -> int:
        raise AssertionError("there is none")


class Room:
    """A running platform over fakes; `apply` puts another catalog in force."""

    def __init__(self) -> None:
        self.monitored = Monitored()
        self.control = FakeControl()
        self.wall = Wall()
        self.materializers: list[FakeMaterializer] = []
        self.version = 0
        self.catalog = self.monitored.view.catalog
        self.unreadable: Exception | None = None
        self.platform = RunningPlatform(self._open, lambda: self.version, self.control, NoTables(), wall=self.wall)

    def apply(self, catalog: Catalog) -> None:
        self.version, self.catalog = self.version + 1, catalog

    def round(self, seconds: float = 600) -> None:
        """So long that everything is due, whatever it is backing off from."""
        self.wall.at += seconds
        self.platform.work()
        self.platform.watch()

    @property
    def materializer(self) -> FakeMaterializer:
        return self.materializers[-1]

    def _open(self) -> Parts:
        if self.unreadable is not None:
            raise self.unreadable
        self.materializers.append(FakeMaterializer())
        resources = OfEnvironment(self.control, "production")
        view = replace(self.monitored.view, catalog=self.catalog, resources=resources)
        return Parts(self.version, self.catalog, view, self.materializer)


@pytest.fixture
def room() -> Room:
    room = Room()
    room.platform.start()
    return room


def without_view(catalog: Catalog, name: str) -> Catalog:
    return catalog.model_copy(update={"feature_views": tuple(v for v in catalog.feature_views if v.name != name)})


@pytest.mark.parametrize("wrong", [Unavailable("the store is away"), KeyError("nobody foresaw this"), "a bad column"])
def test_a_view_that_fails_stops_no_other(room: Room, wrong: Exception | str) -> None:
    room.materializer.broken["card_velocity"] = wrong
    room.round()
    room.round()
    views = {view.name for view in room.catalog.feature_views}
    assert {view for how, view, _ in room.materializer.turns if how == "run"} == views - {"card_velocity"}
    assert {view for how, view, _ in room.materializer.turns if how == "catch_up"} == views
    assert "card_velocity of br" in room.platform.problems
    assert 'vigia_platform_chore_failures{chore="card_velocity of br"} 2.0' in room.platform.render().decode()
    room.materializer.broken.clear()
    room.round()
    assert room.platform.problems == {}


def test_who_fails_is_asked_more_and_more_rarely() -> None:
    wall, stop, asked = Wall(), threading.Event(), list[float]()

    def work() -> str | None:
        asked.append(wall.at)
        return "no" if wall.at < 1000 else None

    chores = Chores([Chore("it", 10, work)], wall=wall)
    while wall.at < 1300:
        wait = chores.step(stop)
        assert 0 < wait <= LONGEST_BACKOFF_S
        wall.at += wait
    assert asked == [0, 20, 60, 140, 300, 600, 900, 1200, 1210, 1220, 1230, 1240, 1250, 1260, 1270, 1280, 1290]


def test_a_view_that_another_process_holds_is_no_failure_and_taken_when_it_is_free(room: Room) -> None:
    room.materializer.broken["card_velocity"] = LeaseHeld("held by somebody")
    room.round()
    assert room.platform.problems == {}
    room.materializer.broken.clear()
    room.materializer.turns.clear()
    room.round()
    assert ("catch_up", "card_velocity", "br") in room.materializer.turns


def test_a_cancelled_job_is_not_loaded(room: Room) -> None:
    job = "urn:vigia:job:materialize-card_velocity"
    room.control.put(job, JobSpec(subject="urn:vigia:feature_view:card_velocity", desired="cancelled"), None)
    room.round()
    assert not [view for _, view, _ in room.materializer.turns if view == "card_velocity"]


def test_a_newly_applied_catalog_is_run_without_a_restart(room: Room) -> None:
    room.round()
    taken = room.materializer.counts["card_velocity", "br", "taken"]
    room.apply(without_view(room.catalog, "device_velocity"))
    room.round()  # notices
    room.round()
    before, after = room.materializers
    assert before.flushed == 1
    assert "device_velocity" not in {view for _, view, _ in after.turns}
    assert ("catch_up", "card_velocity", "br") in after.turns  # what the change makes necessary is loaded
    assert after.counts["card_velocity", "br", "taken"] == taken + 1
    assert "vigia_catalog_version 1.0" in room.platform.render().decode()
    assert room.platform.watching.runner.blind.keys().isdisjoint({"freshness-device_velocity-br"})


def test_a_catalog_that_cannot_be_opened_leaves_the_old_one_running(room: Room) -> None:
    room.round()
    room.apply(room.catalog)
    room.unreadable = Unavailable("the database is away")
    room.round()
    assert room.platform.problems == {"catalog": "the database is away"}
    assert len(room.materializers) == 1
    assert room.materializer.turns[-1][0] == "run"


def test_an_alert_outlives_a_new_catalog_and_its_monitor_gone_ends_it(room: Room) -> None:
    room.monitored.online.newest["br", "card_velocity"] = NOW - timedelta(hours=1)
    for _ in range(2):
        room.round()
    (alert,) = [a for a in room.platform.watching.runner.alerts if a.kind == "freshness"]
    room.apply(room.catalog)
    room.round()
    assert alert in room.platform.watching.runner.alerts
    room.apply(without_view(room.catalog, "card_velocity"))
    for _ in range(5):
        room.round()
    assert not [a for a in room.platform.watching.runner.alerts if a.kind == "freshness"]


def test_monitors_that_cannot_look_are_blind_and_the_loop_goes_on(room: Room) -> None:
    room.monitored.online.down = True
    room.round()
    assert "freshness-card_velocity-br" in room.platform.watching.runner.blind
    assert room.platform.problems == {}
    assert 'vigia_monitor_blind{monitor="freshness-card_velocity-br"} 1.0' in room.platform.render().decode()


def test_monitors_follow_the_catalog_and_keep_what_people_set() -> None:
    control, catalog = FakeControl(), Monitored().view.catalog
    reconcile(control, catalog, "production")
    silenced = control.resources[FRESHNESS].spec.model_copy(update={"threshold": 1.0, "silenced_until": NOW})
    control.put("urn:vigia:monitor:burn-own", MonitorSpec(subject="urn:vigia:endpoint:e", threshold=1), None)
    control.resources[FRESHNESS] = control.resources[FRESHNESS].model_copy(update={"spec": silenced})
    reconcile(control, catalog, "production")
    spec = control.resources[FRESHNESS].spec
    assert isinstance(spec, MonitorSpec)
    sla = catalog.feature_view("card_velocity").freshness_sla.total_seconds()
    assert (spec.threshold, spec.silenced_until) == (sla, NOW)

    seen = OfEnvironment(control, "production")
    reconcile(control, without_view(catalog, "card_velocity"), "production")
    names = {resource.urn for resource in seen.list(kind="monitor")}
    assert FRESHNESS not in names
    assert "urn:vigia:monitor:burn-own" in names
    reconcile(control, catalog, "production")
    assert FRESHNESS in {resource.urn for resource in seen.list(kind="monitor")}
