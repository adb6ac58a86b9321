"""Small things about who may do what, what is charged, and whose a directory is."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from prometheus_client import CollectorRegistry, Counter

from foundation.clock import FixedClock
from foundation.errors import Conflict, Forbidden, InvalidInput, Unavailable
from foundation.http_errors import install_error_handlers
from interfaces.bootstrap.draining import DrainingServer
from interfaces.bootstrap.rollouts import RolloutDesk
from platform_core.access.directory import parse_grant
from platform_core.access.principals import Principal
from platform_core.access.stamp_file import STAMP, claim_file
from platform_core.operations.control_api import control_router
from platform_core.operations.usage import UsageHour
from platform_core.operations.usage_collecting import UsageCollector, serving_usage


@pytest.mark.parametrize("error", [Unavailable("the database is away"), KeyError("a bug")])
def test_usage_whose_owner_cannot_be_looked_up_is_charged_later(clock: FixedClock, error: Exception) -> None:
    registry, charged, away = CollectorRegistry(), list[UsageHour](), [True]
    scored = Counter("vigia_predictions", "x", ["endpoint", "version", "decision"], registry=registry)

    def tenant(_: str) -> str:
        if away[0]:
            raise error
        return "br"

    class Recorder:
        def add_usage(self, records: list[UsageHour]) -> None:
            charged.extend(records)

    recorder: Any = Recorder()
    usage = UsageCollector(lambda: [registry], serving_usage(tenant, lambda _: None), recorder, clock)
    scored.labels("e", "1", "approve").inc(1000)
    usage._collect_safely()
    away[0] = False
    usage._collect_safely()
    assert [record.quantity for record in charged] == [1000]


def test_an_empty_stamp_is_nobodys(tmp_path: Path) -> None:
    assert claim_file(tmp_path / STAMP, "staging") == "staging"
    assert claim_file(tmp_path / STAMP, "production") == "staging"
    assert [path.name for path in tmp_path.iterdir()] == [STAMP]
    (tmp_path / STAMP).write_text("")
    with pytest.raises(Conflict, match="is empty"):
        claim_file(tmp_path / STAMP, "staging")
    with pytest.raises(Conflict, match="nobody knows whose") as refused:
        claim_file(tmp_path / "where nobody may write" / STAMP, "staging")
    assert "VIGIA__SHARED_STORES" in str(refused.value.hint)


def test_a_stamp_has_its_name_once_it_is_on_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(handle: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr("os.fsync", full)
        with pytest.raises(Conflict, match="No space left"):
            claim_file(tmp_path / STAMP, "staging")
    assert list(tmp_path.iterdir()) == []
    assert claim_file(tmp_path / STAMP, "staging") == "staging"


def test_an_entry_that_is_a_key_by_mistake_is_not_repeated() -> None:
    with pytest.raises(InvalidInput) as refused:
        parse_grant("vigia_live_secretkey", 3)
    assert "secretkey" not in str(refused.value)


def test_halting_takes_a_role_where_the_endpoint_is() -> None:
    person = Principal.model_validate(
        {
            "id": "human:ana",
            "name": "Ana",
            "roles": ["oncall"],
            "tenants": ["mx"],
            "grants": [{"roles": ["viewer"], "tenants": ["br"], "environments": ["production"]}],
        }
    )
    desk: Any = RolloutDesk.__new__(RolloutDesk)
    desk._visible = lambda name, who: SimpleNamespace(urn=name, tenant="br", environment="production")
    with pytest.raises(Forbidden, match="may look only"):
        desk.halt("urn:vigia:endpoint:fraud-br", person, "because")


def test_a_slow_control_token_holds_up_nobody_else() -> None:
    slow = [False]

    def token() -> str:
        if slow[0]:
            time.sleep(0.4)
        return "t"

    app, resources = FastAPI(), object()
    install_error_handlers(app)
    app.include_router(control_router(resources, token))  # type: ignore[arg-type]
    slow[0] = True

    async def story() -> None:
        gaps: list[float] = []

        async def beat() -> None:
            while True:
                began = time.perf_counter()
                await asyncio.sleep(0.005)
                gaps.append(time.perf_counter() - began)

        beating = asyncio.create_task(beat())
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://x") as http:
            answer = await http.get("/control/v1/resources", headers={"authorization": "Bearer wrong"})
        beating.cancel()
        assert answer.status_code == 401
        assert len(gaps) > 10, "the loop went on meanwhile"

    asyncio.run(story())


def test_a_worker_whose_supervisor_went_while_it_started_does_not_serve() -> None:
    app: Any = object()
    server = DrainingServer(app, host="127.0.0.1", port=0, seconds=0, supervisor=1_999_999_999)
    began: list[object] = []
    server.run = began.append  # type: ignore[method-assign, assignment]
    server.serve_on(None)
    assert began == []
