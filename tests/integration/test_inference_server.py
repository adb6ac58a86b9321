"""The inference server over real HTTP on loopback."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
from sqlalchemy.engine import Engine

from foundation.clock import FixedClock
from foundation.errors import Unavailable
from platform_core.serving.prediction_log import DeltaPredictionLog
from tests.conftest import NIGHT
from tests.fakes.inference import Inference, payload
from tests.fakes.loopback import serve


@pytest.fixture
def world(engine: Engine, clock: FixedClock, tmp_path: Path) -> Inference:
    return Inference(engine, clock, tmp_path / "models")


@pytest.fixture
def http(world: Inference) -> Iterator[httpx.Client]:
    with serve(world.app()) as address, httpx.Client(base_url=address, timeout=10) as client:
        yield client


def _predict(http: httpx.Client, card: str = "card-1") -> dict[str, object]:
    answer = http.post("/v1/predict/fraud-br", json=payload(card))
    assert answer.status_code == 200, answer.text
    return answer.json()


def _eventually(holds: Callable[[], bool], within: float) -> float:
    """Seconds of the wall until `holds`; fails after `within`."""
    started = time.perf_counter()
    while not holds():
        assert time.perf_counter() - started < within
        time.sleep(0.01)
    return time.perf_counter() - started


def test_a_prediction(world: Inference, http: httpx.Client):
    world.retriever.degraded = ["device_risk__tx_count_1h"]
    answer = _predict(http)
    assert answer.pop("score") == pytest.approx(
        world.registry.load("fraud_score", "1").score(
            world.registry.load("fraud_score", "1").vector(
                {"card_velocity__tx_count_1h": 1.0, "amount": 20.0, "hour": 3.0, "is_online": 1.0}
            )
        )[0]
    )
    assert answer == {
        "request_id": "req-1",
        "endpoint": "fraud-br",
        "model_version": "1",
        "variant": "champion",
        "decision": "approve",
        "degraded": ["device_risk__tx_count_1h"],
        "missing": ["device_risk__tx_count_1h"],
        "expired": [],
        "defaulted": [],
        "fallback": None,
        "attributions": None,
    }
    assert world.retriever.asked == [("fraud_v1", "br", ("card-1", "device-1"))]


def test_a_score_is_explained_on_request(world: Inference, http: httpx.Client):
    plain = http.post("/v1/predict/fraud-br", json=payload()).json()
    assert plain["attributions"] is None
    explained = http.post("/v1/predict/fraud-br", json=payload(attributions=True)).json()
    score, why = explained["score"], explained["attributions"]
    assert score == plain["score"]
    signature = world.registry.get("fraud_score", "1").signature
    assert list(why["features"]) == [feature.name for feature in signature.features]
    assert why["base"] + sum(why["features"].values()) == pytest.approx(math.log(score / (1 - score)), abs=1e-9)


def test_the_threshold_is_the_endpoints(world: Inference, http: httpx.Client):
    world.patch(decline_threshold=0.0)
    _eventually(lambda: _predict(http)["decision"] == "decline", within=5)


@pytest.mark.parametrize(
    ("path", "body", "status", "says"),
    [
        ("fraud-cl", payload(), 404, "there is no endpoint 'fraud-cl'"),
        ("fraud-br", payload(entities={"card": "c"}), 422, "lacks entities.device"),
        ("fraud-br", payload(entities={"card": "", "device": "d"}), 422, "lacks entities.card"),
        ("fraud-br", payload(inputs={"amount": 1.0}), 422, "lacks inputs.hour, inputs.is_online"),
        ("fraud-br", payload(inputs={**payload()["inputs"], "z": 1.0}), 422, "does not read inputs.z"),  # type: ignore[dict-item]
        ("fraud-br", payload(inputs={**payload()["inputs"], "hour": "x"}), 422, "inputs.hour: "),  # type: ignore[dict-item]
        ("fraud-br", payload(entities=7), 422, "entities: "),
        ("fraud-br", payload(mode="debug"), 422, "mode: Extra inputs"),
        ("fraud-br", [], 422, "body: "),
        ("fraud-br", payload(request_id="x" * 300), 422, "request_id: "),
        ("fraud-br", payload(request_id="x" * 600_000), 413, "larger than 528384 bytes"),
    ],
)
def test_a_bad_request_says_what_is_wrong(http: httpx.Client, path: str, body: object, status: int, says: str):
    answer = http.post(f"/v1/predict/{path}", json=body)
    assert answer.status_code == status
    assert says in answer.json()["error"]["message"]


@pytest.mark.parametrize("text", ["", "{", '{"request_id": "r", "entities": {}, "inputs": {"amount": NaN}}'])
def test_what_is_not_a_request_is_refused(http: httpx.Client, text: str):
    answer = http.post("/v1/predict/fraud-br", content=text)
    assert answer.status_code == 422
    assert _predict(http)["decision"] == "approve"


def test_a_store_that_does_not_answer_is_503_and_counted(world: Inference, http: httpx.Client):
    world.retriever.error = Unavailable("online store is down")
    answer = http.post("/v1/predict/fraud-br", json=payload())
    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "unavailable")
    metrics = http.get("/metrics").text
    assert 'vigia_prediction_errors_total{code="unavailable",endpoint="fraud-br"} 1.0' in metrics
    world.retriever.error = None
    assert _predict(http)["decision"] == "approve"


def test_a_rollback_takes_effect_within_a_second(world: Inference, http: httpx.Client):
    world.patch(canary="2", canary_percent=100)
    _eventually(lambda: _predict(http)["variant"] == "canary", within=5)
    world.patch(canary=None, canary_percent=0)
    seconds = _eventually(lambda: _predict(http)["model_version"] == "1", within=5)
    assert seconds < 1.0


def test_swapping_models_drops_no_request(world: Inference, http: httpx.Client):
    done = threading.Event()

    def burst(number: int) -> list[int]:
        return [http.post("/v1/predict/fraud-br", json=payload(f"card-{number}-{i}")).status_code for i in range(100)]

    def swap() -> None:
        version = 2
        while not done.is_set():
            world.patch(champion=str(version))
            version = 3 - version
            done.wait(0.15)

    with ThreadPoolExecutor(5) as pool:
        swapping = pool.submit(swap)
        try:
            statuses = [status for answers in pool.map(burst, range(4)) for status in answers]
        finally:
            done.set()
        swapping.result()
    assert statuses == [200] * 400


def test_a_slow_store_does_not_hold_up_the_probes(world: Inference, http: httpx.Client):
    world.patch(serving={"latency_budget_ms": 5000})
    time.sleep(0.4)
    world.retriever.delay = 0.5
    with ThreadPoolExecutor(4) as pool:
        waiting = [pool.submit(_predict, http, f"card-{i}") for i in range(4)]
        time.sleep(0.1)
        started = time.perf_counter()
        assert http.get("/livez").status_code == 200
        assert time.perf_counter() - started < 0.4
        assert all(w.result()["decision"] == "approve" for w in waiting)


def test_every_score_is_logged_and_counted(world: Inference, http: httpx.Client):
    for number in range(5):
        _predict(http, f"card-{number}")
    log = DeltaPredictionLog(world.offline)

    def logged() -> list[dict[str, object]]:
        return log.read(NIGHT, NIGHT + timedelta(seconds=1), endpoint="fraud-br").to_pylist()

    _eventually(lambda: len(logged()) == 5, within=10)
    row = logged()[0]
    assert (row["tenant"], row["model_version"], row["amount"], row["declined"]) == ("br", "1", 20.0, False)
    assert 0 < row["model_ms"] < row["latency_ms"]  # type: ignore[operator]
    metrics = http.get("/metrics").text
    assert 'vigia_predictions_total{decision="approve",endpoint="fraud-br",version="1"} 5.0' in metrics
    assert 'vigia_prediction_latency_seconds_count{endpoint="fraud-br"} 5.0' in metrics
    assert "vigia_online_read_seconds_count 5.0" in metrics


def test_readiness_tells_what_is_not_served(world: Inference, http: httpx.Client):
    assert http.get("/readyz").json() == {"ready": True, "problems": {}}
    world.patch(champion="9")
    _eventually(lambda: http.get("/readyz").status_code == 503, within=5)
    assert "there is no version '9'" in http.get("/readyz").json()["problems"]["fraud-br"]
    assert _predict(http)["model_version"] == "1"


def test_an_endpoint_at_zero_replicas_is_unavailable(world: Inference, http: httpx.Client):
    world.patch(replicas=0)
    _eventually(lambda: http.post("/v1/predict/fraud-br", json=payload()).status_code == 503, within=5)


def test_the_api_describes_itself(http: httpx.Client):
    operation = http.get("/openapi.json").json()["paths"]["/v1/predict/{endpoint}"]["post"]
    accepted = operation["requestBody"]["content"]["application/json"]["schema"]["oneOf"]
    assert [schema["title"] for schema in accepted] == ["PredictionRequest", "BatchRequest"]
