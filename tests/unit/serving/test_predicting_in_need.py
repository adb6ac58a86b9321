"""Callers that send nothing, and models that fail, as the ASGI application meets them."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Awaitable, Callable, MutableMapping
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.engine import Engine

from foundation.clock import FixedClock
from platform_core.serving.app import InferenceApp
from platform_core.serving.breaker import FAILURES
from platform_core.serving.prediction_log import DeltaPredictionLog
from tests.conftest import NIGHT
from tests.fakes.inference import Inference, payload

SCOPE: dict[str, Any] = {
    "type": "http",
    "method": "POST",
    "path": "/v1/predict/fraud-br",
    "query_string": b"",
    "headers": [(b"content-type", b"application/json")],
}
Message = MutableMapping[str, Any]


@pytest.fixture
def world(engine: Engine, clock: FixedClock, tmp_path: Path) -> Inference:
    return Inference(engine, clock, tmp_path / "models")


async def ask(app: InferenceApp, receive: Callable[[], Awaitable[Message]] | None = None) -> tuple[int, Any]:
    sent: list[Message] = []

    async def whole() -> Message:
        return {"type": "http.request", "body": json.dumps(payload()).encode(), "more_body": False}

    async def send(message: Message) -> None:
        sent.append(message)

    await app(dict(SCOPE), receive or whole, send)  # type: ignore[arg-type]
    return sent[0]["status"], json.loads(sent[1]["body"])


async def nothing() -> Message:
    await asyncio.sleep(3600)
    raise AssertionError


def test_callers_that_send_nothing_take_nobodys_place(world: Inference, monkeypatch: pytest.MonkeyPatch) -> None:
    world.patch(serving={"max_in_flight": 2})
    app = world.app(refresh_interval=3600, body_seconds=0.5)

    async def story() -> None:
        async with app.router.lifespan_context(app):
            slow = [asyncio.create_task(ask(app, nothing)) for _ in range(5)]
            await asyncio.sleep(0.05)
            assert (await ask(app))[0] == 200
            monkeypatch.setattr("platform_core.serving.bodies.MOST_BEING_READ", 5)
            status, answer = await ask(app, nothing)
            assert (status, answer["error"]["message"]) == (503, "5 requests are being sent")
            assert (await ask(app))[0] == 200, "what is there already is answered, however many others are slow"
            ended = await asyncio.gather(*slow)
            assert {(status, answer["error"]["code"]) for status, answer in ended} == {(408, "request_timeout")}
            assert (await ask(app))[0] == 200

    asyncio.run(story())


def test_a_candidate_that_raises_anything_is_seen_by_counters_and_guards(
    world: Inference, caplog: pytest.LogCaptureFixture
) -> None:
    world.patch(canary="2", canary_percent=100)
    app = world.app(refresh_interval=3600)

    class Broken:
        def __init__(self, model: Any) -> None:
            self.version = model.version

        def score_one(self, row: object) -> float:
            raise ValueError("the trees are gone")

    async def story() -> None:
        async with app.router.lifespan_context(app):
            served: Any = app.predicting._endpoints.find("fraud-br")
            object.__setattr__(served, "canary", Broken(served.canary))
            status, answer = await ask(app)
            assert (status, answer["error"]["code"]) == (500, "model_failed")
            assert "trees" not in json.dumps(answer)
            count = app.predicting._metrics.errors.labels("fraud-br", "model_failed")
            assert count._value.get() == 1

    asyncio.run(story())
    assert "the trees are gone" in caplog.text
    errors = DeltaPredictionLog(world.offline).read_errors(NIGHT.replace(year=2000), NIGHT.replace(year=2100))
    assert [(e["model_version"], e["code"]) for e in errors.to_pylist()] == [("2", "model_failed")]


@pytest.mark.parametrize("asked", [False, True])
def test_a_store_that_answers_nonsense_is_counted_and_the_fallback_stands_in(
    world: Inference, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch, asked: bool
) -> None:
    world.retriever.error = OverflowError("year 584556 is out of range")
    if asked:
        reader = world.retriever.reader("fraud_v1", "br")

        async def ask_store(rows: Any) -> Any:
            return reader.read(rows)

        monkeypatch.setattr(type(reader), "ask", property(lambda self: ask_store))
    app = world.app(refresh_interval=3600)

    async def story() -> None:
        async with app.router.lifespan_context(app):
            metrics, endpoints = app.predicting._metrics, app.predicting._endpoints
            for _ in range(FAILURES + 1):
                status, answer = await ask(app)
                assert (status, answer["error"]["code"]) == (503, "store_failed")
            assert "584556" not in json.dumps(answer)
            assert metrics.errors.labels("fraud-br", "store_failed")._value.get() == FAILURES + 1
            assert metrics.late.labels("fraud-br", "store_failed")._value.get() == FAILURES + 1
            world.patch(serving={"fallback": ["default_features"]})
            endpoints.refresh()
            status, answer = await ask(app)
            assert (status, answer["fallback"]) == (200, "default_features")

    asyncio.run(story())
    assert "584556" in caplog.text
    errors = DeltaPredictionLog(world.offline).read_errors(NIGHT.replace(year=2000), NIGHT.replace(year=2100))
    assert {(e["model_version"], e["code"]) for e in errors.to_pylist()} == {("1", "store_failed")}


def test_what_raises_at_the_end_keeps_the_log_from_nothing(world: Inference, monkeypatch: pytest.MonkeyPatch) -> None:
    app = world.app(refresh_interval=3600)

    def broken() -> None:
        raise OSError("a socket that was closed already")

    monkeypatch.setattr(world.retriever, "close", broken, raising=False)

    async def story() -> None:
        async with app.router.lifespan_context(app):
            assert (await ask(app))[0] == 200

    with pytest.raises(OSError, match="closed already"):
        asyncio.run(story())
    assert "predictions" in world.offline.tables()


def test_many_rows_are_recorded_beside_the_loop(world: Inference) -> None:
    app = world.app(refresh_interval=3600)
    where: list[str] = []

    async def story() -> None:
        async with app.router.lifespan_context(app):
            recorder: Any = app.predicting._scorer.recorder
            answered = recorder.answered

            def record(*arguments: Any) -> None:
                where.append(threading.current_thread().name)
                answered(*arguments)

            recorder.answered = record
            one = {name: value for name, value in payload().items() if name != "request_id"}

            async def many() -> Message:
                body = json.dumps({"request_id": "b", "rows": [one] * 60}).encode()
                return {"type": "http.request", "body": body, "more_body": False}

            assert (await ask(app))[0] == 200
            status, answer = await ask(app, many)
            assert (status, len(answer["predictions"])) == (200, 60)

    asyncio.run(story())
    assert where[0] == "MainThread"
    assert where[1].startswith("score")
