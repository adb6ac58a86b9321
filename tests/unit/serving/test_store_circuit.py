"""The breaker as a state machine, against a model of it; and an endpoint whose store is down, as its callers see it."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import MutableMapping
from dataclasses import replace
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from sqlalchemy.engine import Engine

from foundation.clock import FixedClock
from foundation.errors import Unavailable
from interfaces.bootstrap.store_faults import tell_store_faults
from platform_core.operations.faults import fault
from platform_core.operations.sql_timeline import SqlOperations
from platform_core.serving import breaker
from platform_core.serving.breaker import Breaker, State
from platform_core.serving.circuits import Circuits
from platform_core.serving.endpoints import EndpointDirectory
from platform_core.serving.metrics import ServingMetrics
from tests.conftest import NIGHT
from tests.fakes.at_once import at_once
from tests.fakes.inference import Inference, payload
from tests.fakes.payments import small_catalog

FAILURES, REST, PROBES = 3, 10.0, 2


class Circuit(RuleBasedStateMachine):
    """Requests begin and end in any order while time passes; the model keeps the history and derives the state."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self.seen: list[tuple[State, State]] = []
        self.breaker = Breaker(
            failures=FAILURES,
            rest=REST,
            probes=PROBES,
            monotonic=lambda: self.now,
            changed=lambda was, state: self.seen.append((was, state)),
        )
        self.under_way: list[tuple[int, int]] = []  # (ticket, how many changes there had been)
        self.state: State = "closed"
        self.row = 0
        self.opened = 0.0
        self.probe = False
        self.changes = 0

    def to(self, state: State) -> None:
        self.state, self.row, self.probe = state, 0, False
        self.changes += 1

    @rule(seconds=st.sampled_from([0.1, 4.0, 11.0]))
    def pass_time(self, seconds: float) -> None:
        self.now += seconds

    @rule()
    def begin(self) -> None:
        if self.state == "open" and self.now - self.opened >= REST:
            self.to("half_open")
        let = self.state == "closed" or (self.state == "half_open" and not self.probe)
        ticket = self.breaker.admit()
        assert (ticket is not None) == let
        if ticket is not None:
            self.probe = self.state == "half_open"
            self.under_way.append((ticket, self.changes))

    @precondition(lambda self: self.under_way)
    @rule(which=st.integers(0, 9), how=st.sampled_from(["succeeded", "failed", "left"]))
    def end(self, which: int, how: str) -> None:
        ticket, begun = self.under_way.pop(which % len(self.under_way))
        getattr(self.breaker, how)(ticket)
        if begun != self.changes:
            return  # what was asked under another state says nothing of this one
        if how == "failed":
            self.row += 1
            if self.state == "half_open" or self.row == FAILURES:
                self.opened = self.now
                self.to("open")
        elif how == "left":
            self.probe = False
        elif self.state == "closed":
            self.row = 0
        else:
            self.row, self.probe = self.row + 1, False
            if self.row == PROBES:
                self.to("closed")

    @invariant()
    def same_state(self) -> None:
        assert self.breaker.state == self.state

    @invariant()
    def changes_are_of_the_diagram(self) -> None:
        allowed = {("closed", "open"), ("open", "half_open"), ("half_open", "open"), ("half_open", "closed")}
        assert set(self.seen) <= allowed
        assert all(one[1] == other[0] for one, other in zip(self.seen, self.seen[1:], strict=False))


test_the_breaker_is_its_model = Circuit.TestCase
test_the_breaker_is_its_model.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)


async def ask(app: Any, card: str = "card-1") -> tuple[int, Any]:
    sent: list[MutableMapping[str, Any]] = []

    async def receive() -> MutableMapping[str, Any]:
        return {"type": "http.request", "body": json.dumps(payload(card)).encode()}

    async def send(message: MutableMapping[str, Any]) -> None:
        sent.append(message)

    about = {"type": "http", "method": "POST", "path": "/v1/predict/fraud-br", "query_string": b"", "headers": []}
    await app(about, receive, send)
    return sent[0]["status"], json.loads(sent[1]["body"])


@pytest.mark.parametrize("how", ["down", "hangs"])
def test_a_store_that_is_down_is_left_alone_tried_again_and_both_are_told(
    engine: Engine, clock: FixedClock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    monkeypatch.setattr("platform_core.serving.circuits.Breaker", partial(Breaker, rest=0.2))
    world = Inference(engine, clock, tmp_path / "models")
    world.patch(serving={"latency_budget_ms": 150, "fallback": ["last_known_good", "default_features"]})
    app = world.app(refresh_interval=3600, tell_fault=tell_store_faults(engine, clock, "production"))
    shown = app.predicting._metrics.store_circuit.labels("fraud-br")._value

    async def until_closed() -> int:
        for tried in range(200):
            await ask(app)
            if shown.get() == 0:
                return tried
            await asyncio.sleep(0.01)
        raise AssertionError("the circuit stays open")

    async def story() -> None:
        async with app.router.lifespan_context(app):
            known = (await ask(app))[1]
            if how == "down":
                world.retriever.error = Unavailable("connection refused")
            else:
                world.retriever.delay = 0.25
            for _ in range(breaker.FAILURES):
                assert (await ask(app))[1] == {**known, "fallback": "last_known_good"}
            reads, began = world.retriever.reads, time.perf_counter()
            for _ in range(3):
                assert await ask(app) == (200, {**known, "fallback": "last_known_good"})
            assert (await ask(app, "card-9"))[1]["fallback"] == "default_features"
            if time.perf_counter() - began < 0.15:  # before the rest was over, even on a busy machine
                assert world.retriever.reads == reads, "the store is not asked"
            assert shown.get() == 1
            await asyncio.sleep(0.25)
            reads = world.retriever.reads
            await asyncio.gather(*(ask(app) for _ in range(10)))
            assert world.retriever.reads == reads + 1, "one of ten tries it"
            world.retriever.error, world.retriever.delay = None, 0.0
            assert await until_closed() >= breaker.PROBES - 1
            assert (await ask(app))[1] == known

    asyncio.run(story())
    deadline = time.monotonic() + 5
    operations, events = SqlOperations(engine), []
    while len(events) < 2 and time.monotonic() < deadline:
        events = operations.timeline(NIGHT - timedelta(days=1), NIGHT + timedelta(days=1), kinds=["fault"])
        time.sleep(0.01)
    assert sorted(event.details["circuit"] for event in events) == ["closed", "open"]
    assert {(event.subject, event.tenant) for event in events} == {("urn:vigia:endpoint:fraud-br", "br")}


@pytest.mark.parametrize("turn", range(3))
def test_workers_that_find_a_fault_at_the_same_moment_tell_it_once(
    engine: Engine, clock: FixedClock, tmp_path: Path, turn: int
) -> None:
    Inference(engine, clock, tmp_path / "models")
    operations = SqlOperations(engine)
    for opened in (True, False):
        workers = [tell_store_faults(engine, clock, "production") for _ in range(4)]
        assert at_once(*(partial(tell, "fraud-br", "br", opened) for tell in workers)) == [None] * 4
        # What else is said of the endpoint meanwhile is nothing that is known of its circuit.
        operations.record_change(fault("urn:vigia:endpoint:fraud-br", "not ready", at=clock.now()))
        clock.advance(timedelta(seconds=1))
        workers[turn]("fraud-br", "br", opened)
    found = operations.timeline(NIGHT, NIGHT + timedelta(hours=2), kinds=["fault"])
    assert [event.details["circuit"] for event in found if event.details] == ["closed", "open"]


def test_a_fault_that_all_workers_find_is_told_once(engine: Engine, clock: FixedClock) -> None:
    workers = [tell_store_faults(engine, clock, "production") for _ in range(3)]
    for opened in (True, False):
        for tell in workers:
            tell("fraud-br", "br", opened)
            clock.advance(timedelta(seconds=1))
    clock.advance(timedelta(hours=1))
    workers[0]("fraud-br", "br", True)
    found = SqlOperations(engine).timeline(NIGHT, NIGHT + timedelta(hours=2), kinds=["fault"])
    assert [event.details["circuit"] for event in found] == ["open", "closed", "open"]


def test_the_circuit_of_an_endpoint_that_is_gone_is_not_shown_open(
    engine: Engine, clock: FixedClock, tmp_path: Path
) -> None:
    world, told = Inference(engine, clock, tmp_path / "models"), list[bool]()
    served = EndpointDirectory(world.resources, world.registry, small_catalog())
    served.refresh()
    (endpoint,) = served
    metrics = ServingMetrics()
    circuits = Circuits(metrics, lambda name, tenant, opened: told.append(opened))
    shown = metrics.store_circuit.labels(endpoint.name)._value

    def fail(circuit: Breaker) -> None:
        for _ in range(breaker.FAILURES):
            circuit.failed(circuit.admit() or 0)

    fail(circuits.of(endpoint))
    assert shown.get() == 1
    circuits.forget([])
    assert shown.get() == 0
    late = circuits.of(endpoint)
    circuits.forget([])
    fail(late)
    assert shown.get() == 0, "what was under way when it was forgotten says nothing of it"
    fail(circuits.of(endpoint))
    moved = replace(endpoint, tenant="mx")
    assert (circuits.of(moved).state, shown.get()) == ("closed", 0)
    assert circuits.of(endpoint).state == "closed", "what it read before is forgotten"
