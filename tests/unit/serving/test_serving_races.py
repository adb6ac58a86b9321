"""What several threads or workers do at the same moment, and what is kept while a store hangs."""

from __future__ import annotations

import asyncio
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.engine import Engine

from foundation.clock import FixedClock
from foundation.errors import Unavailable
from platform_core.operations.resources import RolloutSpec
from platform_core.running.estate import EndpointsOfEnvironment
from platform_core.serving import waiting
from platform_core.serving.endpoints import EndpointDirectory
from platform_core.serving.found import RowFeatures
from platform_core.serving.prediction_log_spill import Spill
from platform_core.serving.remembered import Remembered
from platform_core.serving.waiting import StoreThreads
from tests.fakes.inference import Inference
from tests.fakes.payments import SERVICE, small_catalog


def together(count: int, step: Callable[[int], None]) -> list[BaseException]:
    barrier, errors = threading.Barrier(count), list[BaseException]()

    def run(number: int) -> None:
        barrier.wait()
        try:
            step(number)
        except BaseException as error:  # noqa: BLE001 it is what is asked
            errors.append(error)

    threads = [threading.Thread(target=run, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return errors


def test_workers_that_start_together_leave_each_other_their_directories(tmp_path: Path) -> None:
    def start(_: int) -> None:
        spill = Spill(tmp_path)
        spill.adopt()
        assert spill.path.is_dir()
        spill.close()

    assert [error for _ in range(100) for error in together(4, start)] == []
    assert list(tmp_path.iterdir()) == []


def test_memories_are_kept_by_several_threads() -> None:
    memory = Remembered(capacity=20)
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        errors = together(4, lambda n: [memory.keep((f"{n}-{i}",), RowFeatures(())) for i in range(20_000)] and None)
    finally:
        sys.setswitchinterval(before)
    assert errors == []
    assert len(memory) == 20


def test_who_gave_up_waiting_for_a_store_that_hangs_is_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiting, "MOST_PUT_OFF", 10)
    go_on = threading.Event()

    class Hanging:
        columns = ("a",)
        ask = None

        def read(self, rows: object) -> None:
            go_on.wait(10)

    reader: Any = Hanging()
    threads = StoreThreads(1)

    async def story() -> None:
        for _ in range(5):
            found = await asyncio.gather(
                *(threads.read(reader, [("k",)], 0.01) for _ in range(8)), return_exceptions=True
            )
            assert all(isinstance(each, Unavailable) for each in found)
            assert len(threads._backlog) <= 8
        found = await asyncio.gather(*(threads.read(reader, [("k",)], 0.05) for _ in range(14)), return_exceptions=True)
        refused = [each for each in found if "too many" in str(each)]
        assert (len(found), len(refused)) == (14, 4)

    asyncio.run(story())
    go_on.set()
    threads.stop()


def test_the_endpoints_of_another_environment_are_not_served(engine: Engine, clock: FixedClock, tmp_path: Path) -> None:
    world = Inference(engine, clock, tmp_path / "models")
    spec = RolloutSpec(model="fraud_score", champion="1", feature_service=SERVICE)
    staging = "urn:vigia:endpoint:fraud-staging"
    world.resources.create(staging, spec, tenant="br", environment="staging", actor="service:setup")
    seen = EndpointsOfEnvironment(world.resources, "staging")
    endpoints = EndpointDirectory(seen, world.registry, small_catalog())
    endpoints.refresh()
    assert [served.name for served in endpoints] == ["fraud-staging"]
    assert world.resources.get(staging).status["serving"] == {"champion": "1", "canary": None}
