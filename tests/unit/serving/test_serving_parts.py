"""What a fallback remembers, a policy declares, threads do, and several workers count."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from pydantic import ValidationError

from foundation.errors import Unavailable
from platform_core.operations.serving_policy import ServingPolicy
from platform_core.serving.found import RowFeatures
from platform_core.serving.remembered import Remembered
from platform_core.serving.waiting import StoreFailed, StoreLate, StoreThreads
from platform_core.serving.worker_metrics import SharedMetrics
from tests.fakes.inference import FakeRetriever


def test_the_oldest_memory_makes_way_and_old_ones_do_not_count() -> None:
    now = [0.0]
    memory = Remembered(capacity=2, monotonic=lambda: now[0])
    for card in ("a", "b", "a", "c"):
        memory.keep((card,), RowFeatures((1.0,)))
        now[0] += 1
    assert [memory.recall((card,), 60) is not None for card in "abc"] == [True, False, True]
    assert memory.recall(("a",), 1.5) is None
    found = memory.recall(("c",), 1.5)
    assert found is not None
    assert found.fallback == "last_known_good"


@pytest.mark.parametrize(
    ("policy", "says"),
    [
        ({"fallback": ["rules"]}, "needs rules"),
        ({"fallback": ["default_features", "default_features"]}, "once"),
        ({"fallback": ["guess"]}, "Input should be"),
        ({"latency_budget_ms": 0}, "greater than or equal to 1"),
        ({"default_features": {"a": float("nan")}}, "finite"),
        ({"rules_score": 2}, "less than or equal to 1"),
    ],
)
def test_a_policy_that_cannot_be_kept_is_refused(policy: dict[str, object], says: str) -> None:
    with pytest.raises(ValidationError, match=says):
        ServingPolicy.model_validate(policy)


def test_threads_read_no_more_than_is_waited_for_and_outlive_what_goes_wrong() -> None:
    source, threads = FakeRetriever(delay=0.15), StoreThreads(2)
    reader = source.reader("fraud_v1", "br")

    async def story() -> None:
        waits = [threads.read(reader, [(str(n),)], 0.05) for n in range(6)]
        late = await asyncio.gather(*waits, return_exceptions=True)
        assert all(isinstance(each, StoreLate) for each in late)
        await asyncio.sleep(0.2)
        assert source.reads == 2, "four gave up before a thread came to them"
        source.delay = 0.0
        for error, told in ((Unavailable("down"), Unavailable), (ZeroDivisionError("a bug"), StoreFailed)):
            source.error = error
            with pytest.raises(told):
                await threads.read(reader, [("x",)], 5)
        source.error = None
        found = await asyncio.gather(*(threads.read(reader, [(str(n),)], 5) for n in range(40)))
        assert len(found) == 40
        assert sum(thread.name.startswith("online-read") for thread in threading.enumerate()) == 2

    asyncio.run(story())
    threads.stop()


def test_metrics_are_summed_over_processes_that_live_and_that_ended(tmp_path: Path) -> None:
    registry = CollectorRegistry()
    asked = Counter("vigia_asked", "Asked.", ["endpoint"], registry=registry)
    took = Histogram("vigia_took", "Took.", buckets=(1, 2), registry=registry)
    in_flight = Gauge("vigia_predictions_in_flight", "In hand.", registry=registry)
    promise = Gauge("vigia_promise", "The same everywhere.", registry=registry)
    asked.labels("a").inc(2)
    took.observe(1.5)
    in_flight.set(3)
    promise.set(0.02)
    shared = SharedMetrics(tmp_path)
    shared.publish([registry])
    mine = tmp_path / f"{os.getpid()}.json"
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    alive = os.getppid()
    for pid in (gone.pid, alive):
        (tmp_path / f"{pid}.json").write_text(mine.read_text())
    shown = shared.expose([registry]).decode()
    for line in (
        'vigia_asked_total{endpoint="a"} 6.0',
        'vigia_took_bucket{le="2.0"} 3.0',
        "vigia_took_count 3.0",
        "vigia_predictions_in_flight 6.0",
        "vigia_promise 0.02",
    ):
        assert line in shown.splitlines(), shown
    asked.labels("a").inc()
    shared.start([registry])
    shared.stop()
    assert json.loads(mine.read_text())[0][3][0][2] == 3.0
