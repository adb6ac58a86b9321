"""The store that is slow while it is compacted, the checkouts, and the simulation's own HTTP."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from fastapi import FastAPI, Response
from fastapi.testclient import TestClient
from sqlalchemy.engine import Engine

from foundation.clock import FixedClock
from platform_core.features.online.port import OnlineStore
from platform_core.operations.resources import JobSpec
from platform_core.operations.sql_resources import SqlResources
from platform_core.simulation.checkout import HttpCheckout, questions
from platform_core.simulation.company import Company
from platform_core.simulation.control_plane import change
from platform_core.simulation.server import SimulationState, create_simulation_app
from platform_core.simulation.slow_store import COMPACTION_JOB, CompactionAwareStore
from tests.fakes.audit_log import FakeAuditLog
from tests.fakes.loopback import serve
from tests.fakes.monitored import FakeOnlineTimes

NOW = datetime(2026, 11, 19, 6, 0, tzinfo=UTC)
WAIT = 0.05


@pytest.fixture
def resources(engine: Engine, clock: FixedClock) -> SqlResources:
    return SqlResources(engine, clock, FakeAuditLog(clock))


@pytest.fixture
def store(resources: SqlResources) -> Iterator[CompactionAwareStore]:
    store = CompactionAwareStore(FakeOnlineTimes(), resources, wait_seconds=WAIT)
    yield store
    store.close()


def read_seconds(store: OnlineStore) -> float:
    began = time.perf_counter()
    store.read("br", [("card_velocity", "c1")], now=NOW, ttls={"card_velocity": timedelta(hours=24)})
    return time.perf_counter() - began


def test_reads_wait_only_while_the_compaction_runs(resources: SqlResources, store: CompactionAwareStore) -> None:
    assert read_seconds(store) < WAIT, "no such job yet"
    resources.create(COMPACTION_JOB, JobSpec(subject="urn:vigia:store:online"), status={"state": "idle"}, actor="s:t")
    store.poll()
    assert read_seconds(store) < WAIT
    resources.report_status(COMPACTION_JOB, {"state": "running"})
    store.poll()
    assert read_seconds(store) >= WAIT
    change(resources, COMPACTION_JOB, {"desired": "cancelled"}, actor="human:alice", reason="slow reads")
    store.poll()
    assert read_seconds(store) < WAIT


def test_questions_carry_the_true_values_and_legacy_gets_its_share() -> None:
    batch = Company(3).emit(NOW - timedelta(hours=1), NOW)["br"]
    asked = list(questions(batch, legacy_traffic=True))
    own = [q for q in asked if q.endpoint == "fraud-br"]
    assert [q.request.inputs["amount"] for q in own] == batch.table["amount"].to_pylist()
    assert set(own[0].request.entities) == {"card", "device", "merchant"}
    legacy = [q for q in asked if q.endpoint == "fraud-legacy"]
    assert len(legacy) == pytest.approx(len(batch) / 12, abs=2)
    assert len(list(questions(batch, legacy_traffic=False))) < len(asked)


def test_the_checkout_asks_everything_and_counts_what_failed() -> None:
    app = FastAPI()
    seen: list[str] = []

    @app.post("/v1/predict/{endpoint}")
    def predict(endpoint: str) -> Response:
        seen.append(endpoint)
        return Response(status_code=503 if endpoint == "fraud-legacy" else 200)

    batch = Company(3).emit(NOW - timedelta(minutes=2), NOW)["br"]
    asked = list(questions(batch, legacy_traffic=True))
    with serve(app) as url:
        checkout = HttpCheckout(url, threads=2, spread=0.1)
        checkout.ask(asked)
        deadline = time.monotonic() + 10
        while checkout.answered + checkout.failed < len(asked) and time.monotonic() < deadline:
            time.sleep(0.02)
        checkout.close()
    assert len(seen) == len(asked)
    assert checkout.failed == sum(q.endpoint == "fraud-legacy" for q in asked)


def test_the_server_tells_how_far_the_boot_is_and_takes_no_fault_before() -> None:
    state = SimulationState()
    client = TestClient(create_simulation_app(state, "t0ken"))
    state.progress("history", "604,869 payments")
    assert client.get("/livez").json() == {"status": "ok"}
    assert client.get("/simulation/v1/status").json() == {
        "state": "booting",
        "step": "history",
        "detail": "604,869 payments",
        "ticks": 0,
        "fault": None,
    }
    assert client.get("/metrics").status_code == 200
    assert client.post("/simulation/v1/faults/unit_change").status_code == 401
    bearer = {"Authorization": "Bearer t0ken"}
    assert client.post("/simulation/v1/faults/unit_change", headers=bearer).status_code == 409
    state.error = "no space left"
    assert client.get("/simulation/v1/status").json()["state"] == "failed"


def test_threads_end_with_what_they_serve(resources: SqlResources) -> None:
    before = set(threading.enumerate())
    CompactionAwareStore(FakeOnlineTimes(), resources).close()
    assert not set(threading.enumerate()) - before
