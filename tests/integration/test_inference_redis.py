"""Predictions from features in Redis without a thread, against a real server: the same values, and its faults."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
from sqlalchemy.engine import Engine

from foundation.clock import FixedClock
from foundation.errors import Unavailable
from platform_core.features.online.port import FeatureRow
from platform_core.features.online.redis import RedisOnlineStore
from platform_core.features.online.redis_asked import AskedRedis
from platform_core.features.online.redis_pipe import RedisPipe
from platform_core.serving.reading import StoreFeatures
from tests.conftest import NIGHT
from tests.fakes.inference import Inference, payload
from tests.fakes.loopback import serve
from tests.fakes.online_stores import redis_url
from tests.fakes.payments import small_catalog

pytestmark = pytest.mark.server
TTLS = {"card_velocity": timedelta(hours=24)}


class OwnRedis:
    """A Redis that may be stopped, held and started again."""

    def __init__(self, directory: Path) -> None:
        redis_url()  # skips where there is none
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port: int = probe.getsockname()[1]
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self._directory = directory
        self.start()

    def start(self) -> None:
        options = f"--port {self.port} --bind 127.0.0.1 --appendonly no --dir {self._directory} --save".split()
        self._process = subprocess.Popen(["redis-server", *options, ""], stdout=subprocess.DEVNULL)
        for _ in range(400):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            time.sleep(0.025)
        raise AssertionError("Redis did not start")

    def hold(self, *, on: bool) -> None:
        os.kill(self._process.pid, signal.SIGSTOP if on else signal.SIGCONT)

    def stop(self) -> None:
        self._process.kill()
        self._process.wait()


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[OwnRedis]:
    server = OwnRedis(tmp_path)
    yield server
    server.stop()


def _fill(url: str, clock: FixedClock) -> RedisOnlineStore:
    store = RedisOnlineStore(url, clock=clock)
    rows = [
        FeatureRow("card-1", NIGHT, NIGHT, {"tx_count_1h": 4.0}),
        FeatureRow("card-2", NIGHT - timedelta(hours=25), NIGHT, {"tx_count_1h": 5.0}),
        FeatureRow("card-3", NIGHT, NIGHT, {"tx_count_1h": None}),
    ]
    store.write("br", "card_velocity", rows)
    store.write("br", "device_risk", [FeatureRow("device-1", NIGHT, NIGHT, {"tx_count_1h": 2.0})])
    return store


def test_what_is_asked_is_what_is_read(redis: OwnRedis, clock: FixedClock) -> None:
    store, asked = _fill(redis.url, clock), AskedRedis(redis.url)
    wanted = [("card_velocity", [f"card-{n}" for n in (1, 2, 3, 4)]), ("device_risk", ["device-1"])]

    async def ask() -> list[object]:
        answers = await asyncio.gather(*(asked.ask_views("br", wanted, now=NIGHT, ttls=TTLS) for _ in range(50)))
        asked.close()
        await asyncio.sleep(0)
        return [[batch.columns(["tx_count_1h"]) for batch in batches] for batches in answers]

    read = [batch.columns(["tx_count_1h"]) for batch in store.read_views("br", wanted, now=NIGHT, ttls=TTLS)]
    assert read[0].statuses == [["present", "expired", "null", "missing"]]
    assert asyncio.run(ask()) == [read] * 50


def test_a_pipe_survives_who_gives_up_and_a_server_that_comes_back(redis: OwnRedis) -> None:
    pipe = RedisPipe(redis.url, timeout_s=0.3)

    async def story() -> None:
        assert await pipe.ask("SET", ["a", "1"]) == b"OK"
        redis.hold(on=True)
        for _ in range(3):
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.05):
                    await pipe.ask("GET", ["a"])
        redis.hold(on=False)
        assert await pipe.ask("GET", ["a"]) == b"1"  # not an answer that somebody else gave up on
        with pytest.raises(Unavailable, match="WRONGTYPE"):
            await pipe.ask("LPUSH", ["a", "x"])
        redis.hold(on=True)
        with pytest.raises(Unavailable, match="answered nothing"):  # held too long: given up
            await asyncio.wait_for(pipe.ask("GET", ["a"]), 5)
        with pytest.raises(Unavailable, match="did not answer"):  # and no new line either
            await asyncio.wait_for(pipe.ask("GET", ["a"]), 5)
        redis.hold(on=False)
        assert await pipe.ask("GET", ["a"]) == b"1"
        redis.stop()
        for _ in range(2):
            with pytest.raises(Unavailable, match="is it up"):
                await pipe.ask("GET", ["a"])
        redis.start()
        assert await pipe.ask("GET", ["a"]) is None
        pipe.close()

    asyncio.run(story())


def test_predictions_go_on_while_redis_stalls_and_is_restarted(
    redis: OwnRedis, engine: Engine, clock: FixedClock, tmp_path: Path
) -> None:
    store = _fill(redis.url, clock)
    world = Inference(engine, clock, tmp_path / "models")
    policy = {"latency_budget_ms": 200, "fallback": ["last_known_good", "default_features"]}
    world.patch(serving=policy)
    world.retriever = StoreFeatures(small_catalog(), store, clock, asked=AskedRedis(redis.url))  # type: ignore[assignment]
    with serve(world.app()) as address, httpx.Client(base_url=address, timeout=10) as http:

        def ask(card: str = "card-1") -> dict[str, object]:
            started = time.perf_counter()
            answer = http.post("/v1/predict/fraud-br", json=payload(card))
            assert answer.status_code == 200, answer.text
            assert time.perf_counter() - started < 1.5
            return answer.json()

        fresh = ask()
        assert (fresh["fallback"], fresh["degraded"]) == (None, [])
        assert ask("card-2")["expired"] == ["card_velocity__tx_count_1h"]
        assert ask("card-4")["missing"] == ["card_velocity__tx_count_1h"]
        redis.hold(on=True)
        assert ask() == {**fresh, "fallback": "last_known_good"}
        assert ask("card-9")["fallback"] == "default_features"
        redis.hold(on=False)
        assert ask() == fresh
        redis.stop()
        assert ask() == {**fresh, "fallback": "last_known_good"}
        redis.start()
        store.close()
        _fill(redis.url, clock).close()
        assert ask() == fresh
