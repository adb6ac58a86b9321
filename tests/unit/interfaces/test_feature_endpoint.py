"""The endpoint of features: its threads, its limit, and errors that nobody expected."""

from __future__ import annotations

import asyncio
import hashlib
import shutil
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from foundation.http_errors import Answering
from interfaces.bootstrap import draining, serving
from interfaces.bootstrap.foundations import open_foundations
from interfaces.http.feature_endpoint import Answer, Endpoint, Limit
from interfaces.http.feature_questions import ARROW, JSON, Call
from interfaces.http.features import feature_endpoints
from interfaces.settings import Settings
from platform_core.access.directory import PrincipalDirectory, PrincipalGrant
from platform_core.catalog.store import CatalogStore
from tests.fakes.online_catalog import ANALYST
from tests.fakes.payments import small_catalog
from tests.fakes.serving_process import with_all_columns

KEY = "vigia_analyst_key"
DIRECTORY = PrincipalDirectory(
    [PrincipalGrant(**ANALYST.model_dump(), api_key_sha256=hashlib.sha256(KEY.encode()).hexdigest())]
)
APP = SimpleNamespace(state=SimpleNamespace(principals=DIRECTORY, answering=Answering()))


def asking(endpoint: Endpoint) -> httpx.AsyncClient:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await endpoint({**scope, "app": APP}, receive, send)

    headers = {"Authorization": f"Bearer {KEY}"}
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://vigia", headers=headers)


def endpoint(answer: Callable[[Call], Answer], **more: Any) -> Endpoint:
    return Endpoint(answer, ThreadPoolExecutor(1), Limit(100, "send less"), **more)


def test_an_arrow_stream_is_not_read_in_the_event_loop() -> None:
    where: dict[str, int] = {}

    def answer(call: Call) -> Answer:
        where[call.content_type] = threading.get_ident()
        return Answer(b"", JSON)

    async def ask() -> None:
        async with asking(endpoint(answer, waits=lambda: False)) as client:
            for content_type in (JSON, ARROW):
                await client.post("/", content=b"x", headers={"Content-Type": content_type})

    asyncio.run(ask())
    assert where[JSON] == threading.get_ident() != where[ARROW]


def test_more_than_may_wait_are_told_when_to_ask_again() -> None:
    go_on = threading.Event()

    def answer(_call: Call) -> Answer:
        assert go_on.wait(20)
        return Answer(b"{}", JSON)

    async def ask() -> None:
        async with asking(endpoint(answer, most=2)) as client:
            two = [asyncio.create_task(client.post("/", content=b"x")) for _ in range(2)]
            await asyncio.sleep(0.05)
            refused = await client.post("/", content=b"x")
            assert (refused.status_code, refused.headers["retry-after"]) == (503, "1")
            go_on.set()
            assert [answered.status_code for answered in await asyncio.gather(*two)] == [200, 200]
            assert (await client.post("/", content=b"x")).status_code == 200

    asyncio.run(ask())


def test_the_past_does_not_hold_up_the_present() -> None:
    go_on = threading.Event()

    class Reading:
        embedded = on_the_loop = False

        def get_online_features(self, *_: Any, **__: Any) -> Any:
            return SimpleNamespace(to_json=lambda: b"{}")

        def get_historical_features(self, *_: Any, **__: Any) -> Any:
            assert go_on.wait(20)

    reading: Any = Reading()
    online, past = feature_endpoints(reading, reading).values()
    rows = {"card_id": ["c1"], "event_timestamp": ["2026-11-19T05:00:00Z"]}
    question = {"features": "a", "tenant": "br", "entity_rows": rows}

    async def ask() -> None:
        async with asking(online) as present, asking(past) as history:
            many = [asyncio.create_task(history.post("/", json=question)) for _ in range(30)]
            await asyncio.sleep(0.05)
            answered = await asyncio.wait_for(present.post("/", json=question), 10)
            assert answered.status_code == 200
            go_on.set()
            assert 503 in [each.status_code for each in await asyncio.gather(*many)]

    asyncio.run(ask())


def test_an_error_that_nobody_expected_is_500_without_its_words() -> None:
    def answer(_call: Call) -> Answer:
        raise RuntimeError("the inside")

    async def ask() -> httpx.Response:
        async with asking(endpoint(answer)) as client:
            return await client.post("/", content=b"x")

    answered = asyncio.run(ask())
    assert (answered.status_code, answered.json()["error"]["code"]) == (500, "internal")
    assert "inside" not in answered.text


def test_a_body_in_one_piece_has_the_limit_too() -> None:
    """An HTTP server may hand over all it has: a length need not have been announced."""
    sent: list[Any] = []

    async def receive() -> Any:
        return {"type": "http.request", "body": b"x" * 101, "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {
        "headers": [(b"authorization", f"Bearer {KEY}".encode())],
        "query_string": b"",
        "app": APP,
    }
    asyncio.run(endpoint(lambda _: Answer(b"", JSON))(scope, receive, send))
    assert sent[0]["status"] == 413


def test_the_serving_process_says_nothing_of_its_inside(
    tmp_path: Path, migrated_database: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copyfile(migrated_database, tmp_path / "vigia.db")
    base = open_foundations(Settings(data_dir=tmp_path))
    CatalogStore(base.engine, base.clock, base.audit).apply(with_all_columns(small_catalog()), "service:setup")
    apps: list[FastAPI] = []

    class Kept:
        def __init__(self, app: FastAPI, **_: Any) -> None:
            apps.append(app)

        def serve_on(self, _listener: Any) -> None: ...

    monkeypatch.setattr(draining, "DrainingServer", Kept)
    serving._serve(base, lambda: "a-control-token-of-length", None)  # pyright: ignore[reportPrivateUsage]
    (app,) = apps

    @app.get("/broken")
    def broken() -> None:  # pyright: ignore[reportUnusedFunction]
        raise RuntimeError("the inside")

    async def ask() -> httpx.Response:
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://vigia") as client:
            return await client.get("/broken")

    answered = asyncio.run(ask())
    assert (answered.status_code, answered.json()["error"]["code"]) == (500, "internal")
    base.engine.dispose()
