"""Answers without features, within the budget; bounds; and what is counted of it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy.engine import Engine

from foundation.clock import FixedClock
from foundation.errors import Unavailable
from tests.fakes.inference import FEATURES, Inference, payload
from tests.fakes.loopback import serve

CARD, DEVICE = FEATURES
BUDGET_MS = 100
DOWN = Unavailable("the online store is down")
RULES: dict[str, Any] = {"rules": [{"input": "amount", "at_least": 500, "score": 0.9}], "rules_score": 0.1}


@pytest.fixture
def world(engine: Engine, clock: FixedClock, tmp_path: Path) -> Inference:
    return Inference(engine, clock, tmp_path / "models")


@pytest.fixture
def http(world: Inference) -> Iterator[httpx.Client]:
    with serve(world.app(refresh_interval=0.05)) as address, httpx.Client(base_url=address, timeout=10) as client:
        yield client


def _declare(world: Inference, http: httpx.Client, **policy: Any) -> None:
    """The policy, in force."""
    world.patch(serving={"latency_budget_ms": BUDGET_MS, **policy}, replicas=world.patches + 1)
    urn = "urn:vigia:endpoint:fraud-br"
    deadline = time.monotonic() + 10
    while world.resources.get(urn).status.get("replicas_ready") != world.patches:
        assert time.monotonic() < deadline
        time.sleep(0.02)


def _ask(http: httpx.Client, card: str = "card-1", **changes: Any) -> tuple[httpx.Response, float]:
    started = time.perf_counter()
    answer = http.post("/v1/predict/fraud-br", json=payload(card, **changes))
    return answer, time.perf_counter() - started


@pytest.mark.parametrize("how", ["stalls", "down"])
def test_without_a_fallback_it_says_so_within_the_budget(world: Inference, http: httpx.Client, how: str):
    _declare(world, http)
    _ask(http)
    world.retriever.delay, world.retriever.error = (3.0, None) if how == "stalls" else (0.0, DOWN)
    answer, seconds = _ask(http)
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
    assert answer.json()["error"]["code"] == "unavailable"
    assert seconds < 1.5  # the budget and what a busy machine adds; the store would have taken three seconds
    reason = "budget" if how == "stalls" else "unavailable"
    assert (
        f'vigia_prediction_store_late_total{{endpoint="fraud-br",reason="{reason}"}} 1.0' in http.get("/metrics").text
    )


def test_what_was_read_last_stands_in(world: Inference, http: httpx.Client):
    _declare(world, http, fallback=["last_known_good", "rules"], **RULES)
    world.retriever.degraded = [DEVICE]
    fresh = _ask(http)[0].json()
    world.retriever.degraded, world.retriever.delay = [], 3.0
    answer, seconds = _ask(http)
    told = answer.json()
    assert told == {**fresh, "fallback": "last_known_good"}
    assert (told["missing"], told["expired"]) == ([DEVICE], [])
    assert seconds < 1.5
    other = _ask(http, "card-2")[0].json()
    assert (other["fallback"], other["model_version"], other["score"]) == ("rules", "rules", 0.1)
    assert other["missing"] == [CARD, DEVICE]
    metrics = http.get("/metrics").text
    assert 'vigia_prediction_fallbacks_total{endpoint="fraud-br",fallback="last_known_good"} 1.0' in metrics
    assert 'vigia_prediction_fallbacks_total{endpoint="fraud-br",fallback="rules"} 1.0' in metrics


def test_what_is_remembered_grows_old(world: Inference, http: httpx.Client):
    _declare(world, http, fallback=["last_known_good"], last_known_good_seconds=0.05)
    assert _ask(http)[0].status_code == 200
    world.retriever.error = DOWN
    time.sleep(0.06)
    assert _ask(http)[0].status_code == 503


def test_defaults_stand_in_for_all_or_for_some(world: Inference, http: httpx.Client):
    _declare(world, http, fallback=["default_features"], default_features={DEVICE: 7.0})
    world.retriever.values[DEVICE] = 7.0
    usual = _ask(http)[0].json()
    world.retriever.expired = [DEVICE]
    some = _ask(http)[0].json()
    assert (some["score"], some["expired"], some["defaulted"]) == (usual["score"], [DEVICE], [DEVICE])
    assert (some["missing"], some["degraded"], some["fallback"]) == ([], [DEVICE], None)
    world.retriever.error = DOWN
    none = _ask(http)[0].json()
    assert (none["fallback"], none["missing"], none["defaulted"]) == ("default_features", [CARD, DEVICE], [DEVICE])
    world.retriever.error, world.retriever.expired, world.retriever.degraded = None, [], [CARD]
    world.retriever.values[CARD] = None
    assert _ask(http)[0].json()["score"] == none["score"]
    metrics = http.get("/metrics").text
    for status, count in (("expired", 1), ("missing", 3), ("defaulted", 2)):
        assert f'vigia_prediction_features_total{{endpoint="fraud-br",status="{status}"}} {count}.0' in metrics


def test_rules_answer_by_the_request_alone(world: Inference, http: httpx.Client):
    _declare(world, http, fallback=["rules"], **RULES)
    world.retriever.error = DOWN
    inputs = {**payload()["inputs"], "amount": 500.0}  # type: ignore[dict-item]
    large = _ask(http, inputs=inputs, attributions=True)[0].json()
    assert (large["score"], large["decision"], large["fallback"]) == (0.9, "decline", "rules")
    assert large["attributions"] is None
    assert _ask(http)[0].json()["decision"] == "approve"


def test_more_than_it_takes_at_once_is_refused_at_once(world: Inference, http: httpx.Client):
    _declare(world, http, max_in_flight=2, latency_budget_ms=5000)
    world.retriever.delay = 0.8
    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(lambda n: _ask(http, f"card-{n}"), range(6)))
    refused = [(answer, seconds) for answer, seconds in answers if answer.status_code == 503]
    assert len(refused) == 4
    assert all("2 requests in hand" in a.json()["error"]["message"] for a, _ in refused)
    assert all(a.headers["retry-after"] == "1" for a, _ in refused)
    assert sorted(a.status_code for a, _ in answers) == [200, 200, 503, 503, 503, 503]
    metrics = http.get("/metrics").text
    assert 'vigia_predictions_shed_total{endpoint="fraud-br"} 4.0' in metrics
    assert 'vigia_predictions_in_flight{endpoint="fraud-br"} 0.0' in metrics


def test_a_policy_that_names_what_is_not_there_is_not_served(world: Inference, http: httpx.Client):
    _declare(world, http, fallback=["rules"], **RULES)
    world.patch(serving={"default_features": {"card_velocity__nonsense": 1.0}})
    deadline = time.monotonic() + 10
    while http.get("/readyz").status_code == 200:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    assert "'card_velocity__nonsense' is no feature here" in http.get("/readyz").text
    world.retriever.error = DOWN
    assert _ask(http)[0].json()["fallback"] == "rules"  # the policy that was in force still is
