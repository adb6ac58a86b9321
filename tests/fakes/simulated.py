"""The simulated platform in one process and on a clock in the hand: everything real but the HTTP between them."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Generator, MutableMapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from foundation.clock import FixedClock
from foundation.database import metadata, open_database
from platform_core.monitoring.alert import Alert
from platform_core.serving.callers import Callers
from platform_core.serving.circuits import Circuits
from platform_core.serving.endpoints import EndpointDirectory
from platform_core.serving.metrics import ServingMetrics
from platform_core.serving.predicting import PREFIX, Predicting
from platform_core.serving.prediction_log import PredictionWriter
from platform_core.serving.reading import StoreFeatures
from platform_core.serving.recording import Recorder
from platform_core.serving.retrieval import Retrieval
from platform_core.serving.scorer import Scorer
from platform_core.serving.waiting import StoreThreads
from platform_core.simulation.boot import boot_company, present
from platform_core.simulation.checkout import Checkout, Question
from platform_core.simulation.company import Company
from platform_core.simulation.history import HISTORY
from platform_core.simulation.parts import PlatformParts, assemble
from platform_core.simulation.runtime import Simulation
from platform_core.simulation.slow_store import CompactionAwareStore
from tests.fakes.audit_log import FakeAuditLog

ORIGIN = datetime(2026, 11, 19, 5, 40, tzinfo=UTC)
SEED = 7
AT_ONCE = 8


class DirectCheckout(Checkout):
    """The inference server's own way with a request, without the network. Each `ask` sees the endpoints as they are
    just then."""

    def __init__(self, parts: PlatformParts) -> None:
        self._store = CompactionAwareStore(parts.online, parts.resources)
        self._endpoints = EndpointDirectory(parts.resources, parts.registry, parts.catalog)
        self._log = PredictionWriter(parts.offline)
        features = StoreFeatures(parts.catalog, self._store, parts.clock)
        metrics = ServingMetrics()
        scorer = Scorer(features, Recorder(parts.clock, metrics, self._log.write))
        self._threads, self._pool = StoreThreads(AT_ONCE), ThreadPoolExecutor(1)
        retrieval = Retrieval(features, self._threads, Circuits(metrics), metrics)
        self._predicting = Predicting(self._endpoints, scorer, Callers(), retrieval, self._pool, traced_share=0.0)
        self._loop = asyncio.Runner()
        self.answered = 0
        self.failed = 0

    def ask(self, questions: list[Question]) -> None:
        self._store.poll()
        self._endpoints.refresh()
        answers = self._loop.run(self._all(questions))
        self._log.flush()
        self.answered += sum(answers)
        self.failed += len(answers) - sum(answers)

    def close(self) -> None:
        self._loop.close()
        self._threads.stop()
        self._pool.shutdown()
        self._store.close()

    async def _all(self, questions: list[Question]) -> list[bool]:
        places = asyncio.Semaphore(AT_ONCE)

        async def one(question: Question) -> bool:
            async with places:
                return await self._is_answered(question)

        return await asyncio.gather(*map(one, questions))

    async def _is_answered(self, question: Question) -> bool:
        told: list[int] = []

        async def receive() -> MutableMapping[str, Any]:
            return {"type": "http.request", "body": question.request.model_dump_json().encode()}

        async def send(message: MutableMapping[str, Any]) -> None:
            told.append(message.get("status", 0))

        path = f"{PREFIX}{question.endpoint}"
        await self._predicting({"path": path, "query_string": b"", "headers": []}, receive, send)
        return told[0] == 200


def write_past(directory: Path, seed: int = SEED) -> None:
    """Boot a company in `directory` and leave it there."""
    with _parts(directory) as parts:
        boot_company(parts, origin=ORIGIN, seed=seed, progress=lambda step, detail: None)


@contextmanager
def simulation(past: Path, directory: Path, seed: int = SEED) -> Generator[Simulation]:
    """A company that goes on from a copy of `past`."""
    shutil.copytree(past, directory)
    with _parts(directory) as parts:
        company = Company(seed)
        company.emit(ORIGIN - HISTORY, ORIGIN)  # its random state is that of having lived it
        running = Simulation(present(parts, company, ORIGIN, seed), DirectCheckout(parts))
        try:
            yield running
        finally:
            running.close()


@contextmanager
def _parts(directory: Path) -> Generator[PlatformParts]:
    clock = FixedClock(ORIGIN)
    directory.mkdir(parents=True, exist_ok=True)
    engine = open_database(f"sqlite:///{directory / 'vigia.db'}")
    metadata.create_all(engine)
    try:
        yield assemble(directory, engine, clock, FakeAuditLog(clock))
    finally:
        engine.dispose()


def forward(running: Simulation, minutes: int, *, step: int = 1) -> list[tuple[int, Alert]]:
    """Let `minutes` pass in ticks of `step` minutes; returns what the monitors changed, with the minute."""
    clock = running.parts.clock
    assert isinstance(clock, FixedClock)
    changed: list[tuple[int, Alert]] = []
    for minute in range(step, minutes + 1, step):
        clock.advance(timedelta(minutes=step))
        changed += [(minute, alert) for alert in running.tick().changed]
    return changed


def healthy_hours(running: Simulation, hours: float) -> list[Alert]:
    """What the monitors change while nothing is wrong."""
    clock = running.parts.clock
    assert isinstance(clock, FixedClock)
    changed: list[Alert] = []
    for _ in range(round(hours * 15)):  # four minutes at a time: a tick's rows arrive with the next, views may lag ten
        clock.advance(timedelta(minutes=4))
        changed += running.tick().changed
    return changed
