"""Many rows in one request, in JSON and in Arrow; who may ask."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pyarrow as pa
import pytest
from sqlalchemy.engine import Engine

from foundation.clock import FixedClock
from interfaces.principals import PrincipalsFile, make_grant
from platform_core.access.directory import PrincipalDirectory
from platform_core.access.endpoints import EndpointAccess
from platform_core.serving.types import BatchPrediction, Prediction
from platform_core.serving.wire import ARROW
from tests.fakes.inference import Inference, payload
from tests.fakes.loopback import serve


@pytest.fixture
def world(engine: Engine, clock: FixedClock, tmp_path: Path) -> Inference:
    world = Inference(engine, clock, tmp_path / "models")
    world.patch(canary="2", canary_percent=40)
    return world


@pytest.fixture
def http(world: Inference) -> Iterator[httpx.Client]:
    with serve(world.app()) as address, httpx.Client(base_url=address, timeout=10) as client:
        yield client


def _rows(count: int) -> list[dict[str, Any]]:
    return [
        {"entities": {"card": f"card-{n}", "device": "d"}, "inputs": {"amount": n * 9.0, "hour": 3, "is_online": 1}}
        for n in range(count)
    ]


def _table(rows: list[dict[str, Any]]) -> bytes:
    columns = {name: [r["entities"][name] for r in rows] for name in ("card", "device")}
    numbers = {name: [float(r["inputs"][name]) for r in rows] for name in ("amount", "hour", "is_online")}
    return _stream(pa.table({**columns, **numbers}))


def _stream(table: pa.Table) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return sink.getvalue().to_pybytes()


def _arrow(http: httpx.Client, body: bytes, query: str = "", accept: str = ARROW) -> httpx.Response:
    headers = {"Content-Type": ARROW, "Accept": accept}
    return http.post(f"/v1/predict/fraud-br{query}", content=body, headers=headers)


def test_a_batch_says_the_same_as_one_by_one(world: Inference, http: httpx.Client):
    rows = _rows(60)
    world.retriever.degraded = ["device_risk__tx_count_1h"]
    answer = http.post("/v1/predict/fraud-br", json={"request_id": "b", "rows": rows, "attributions": True})
    batch = BatchPrediction.model_validate(answer.json())
    assert len(world.retriever.asked) == 60
    assert world.retriever.reads == 1
    singles = [
        http.post("/v1/predict/fraud-br", json={**row, "request_id": f"b-{n}", "attributions": True}).json()
        for n, row in enumerate(rows, start=1)
    ]
    expected = [Prediction.model_validate(single) for single in singles]
    assert {p.variant for p in expected} == {"champion", "canary"}
    for got, want in zip(batch.predictions, expected, strict=True):
        assert got.score == pytest.approx(want.score, abs=1e-12)
        assert got.model_dump(exclude={"score", "attributions"}) == want.model_dump(exclude={"score", "attributions"})
        assert got.attributions is not None
        assert want.attributions is not None
        assert list(got.attributions.features.values()) == pytest.approx(list(want.attributions.features.values()))


def test_arrow_says_the_same_as_json(http: httpx.Client):
    rows = _rows(30)
    json_answer = http.post("/v1/predict/fraud-br", json={"request_id": "q", "rows": rows}).json()
    arrow_answer = _arrow(http, _table(rows), "?request_id=q&attributions=true")
    assert arrow_answer.headers["content-type"] == ARROW
    with pa.ipc.open_stream(arrow_answer.content) as reader:
        table = reader.read_all()
    told = table.drop_columns("attributions").to_pylist()
    assert told == [{k: v for k, v in p.items() if k != "attributions"} for p in json_answer["predictions"]]
    reasons = table["attributions"].to_pylist()
    logits = [sum(each.values()) for each in reasons]
    assert np.allclose(1 / (1 + np.exp(-np.array(logits))), table["score"].to_numpy())
    mixed = _arrow(http, _table(rows), "?request_id=q", accept="application/json").json()
    assert mixed == json_answer
    one = http.post("/v1/predict/fraud-br", json=payload(), headers={"Accept": ARROW})
    with pa.ipc.open_stream(one.content) as reader:
        assert reader.read_all()["request_id"].to_pylist() == ["req-1"]


def test_every_row_of_a_batch_is_logged_with_its_own_id(world: Inference, http: httpx.Client):
    rows = _rows(3)
    rows[1]["request_id"] = "mine"
    http.post("/v1/predict/fraud-br", json={"request_id": "b", "rows": rows})
    world.predictions.flush()
    logged = world.offline.read("predictions").to_pylist()
    assert [row["request_id"] for row in logged] == ["b-1", "mine", "b-3"]
    assert all(len(np.frombuffer(row["features"], "<f8")) == 5 for row in logged)


@pytest.mark.parametrize(
    ("changes", "status", "says"),
    [
        ({"rows": []}, 422, "rows: "),
        ({"rows": {}}, 422, "rows: "),
        ({"rows": _rows(501)}, 413, "501 rows"),
        ({"rows": [*_rows(2), {"entities": {"card": "c"}, "inputs": {}}]}, 422, "rows.2.entities.device"),
        ({"rows": [*_rows(1), {**_rows(1)[0], "inputs": {"amount": 1.0}}]}, 422, "rows.1.inputs.hour"),
        (
            {"rows": [{**_rows(1)[0], "inputs": {"amount": "x", "hour": 1, "is_online": 1}}]},
            422,
            "rows.0.inputs.amount",
        ),
        (
            {"rows": [{**_rows(1)[0], "inputs": {"amount": True, "hour": 1, "is_online": 1}}]},
            422,
            "rows.0.inputs.amount",
        ),
        ({"rows": _rows(1), "extra": 1}, 422, "extra: "),
        ({"rows": _rows(1), "request_id": 7}, 422, "request_id: "),
    ],
)
def test_a_bad_batch_says_which_row_and_field(http: httpx.Client, changes: dict[str, Any], status: int, says: str):
    answer = http.post("/v1/predict/fraud-br", json={"request_id": "b", **changes})
    assert answer.status_code == status, answer.text
    assert says in answer.json()["error"]["message"]


def test_the_limit_is_named(http: httpx.Client):
    answer = http.post("/v1/predict/fraud-br", json={"request_id": "b", "rows": _rows(501)})
    assert answer.json()["error"]["hint"] == "send at most 500 at once"


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b"", "body: it is empty"),
        (b"nonsense", "not an Arrow stream"),
        (_table(_rows(3))[:-40], "not an Arrow stream"),
        (_stream(pa.table({"card": ["c"], "device": ["d"]})), "rows.0.inputs.amount"),
        (_stream(pa.table({"card": [1], "device": ["d"]})), "rows.0.entities.card is a int"),
        (_stream(pa.table({"card": ["c"], "device": ["d"], "z": [1.0]})), "column 'z' is not read here"),
        (_stream(pa.table({"card": pa.array([], pa.string())})), "there are none"),
        (
            _table([{**_rows(1)[0], "inputs": {"amount": float("nan"), "hour": 1, "is_online": 0}}]),
            "inputs.amount is nan",
        ),
    ],
)
def test_a_bad_arrow_body_says_what_is_wrong(http: httpx.Client, body: bytes, says: str):
    answer = _arrow(http, body)
    assert answer.status_code == 422, answer.text
    assert says in answer.json()["error"]["message"]


def test_another_content_type_is_refused(http: httpx.Client):
    answer = http.post("/v1/predict/fraud-br", content=b"a,b", headers={"Content-Type": "text/csv"})
    assert answer.status_code == 422
    assert "'text/csv'" in answer.json()["error"]["message"]


def test_only_callers_of_the_tenant_may_score(world: Inference, tmp_path: Path):
    people = PrincipalsFile(tmp_path / "principals.yaml")
    keys = {
        name: people.add(f"service:{name}", make_grant([role], [tenant]))
        for name, role, tenant in (("ours", "caller", "br"), ("theirs", "caller", "ar"), ("reader", "viewer", "br"))
    }
    access = EndpointAccess(PrincipalDirectory.load(people.path, may_be_missing=True), world.audit, interval=0.05)
    with serve(world.app(access)) as address, httpx.Client(base_url=address, timeout=10) as http:

        def ask(headers: dict[str, str], endpoint: str = "fraud-br") -> httpx.Response:
            return http.post(f"/v1/predict/{endpoint}", json=payload(), headers=headers)

        assert ask({"Authorization": f"Bearer {keys['ours']}"}).status_code == 200
        assert ask({"X-Api-Key": keys["ours"]}).status_code == 200
        for nobody in ({}, {"Authorization": "Basic eA=="}, {"X-Api-Key": "wrong"}):
            answer = ask(nobody)
            assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer")
            assert ask(nobody, "unknown").status_code == 401
        for foreign in (keys["theirs"], keys["reader"]):
            assert ask({"X-Api-Key": foreign}).status_code == 403
        unknown = [ask({"X-Api-Key": keys[name]}, "unknown").json()["error"]["hint"] for name in ("ours", "theirs")]
        assert unknown == ["served: fraud-br", "served: none yet"]
        metrics = http.get("/metrics").text
        assert 'vigia_prediction_callers_refused_total{code="forbidden"} 2.0' in metrics
        assert 'vigia_prediction_callers_refused_total{code="unauthenticated"} 6.0' in metrics
    refused = [r for r in world.audit.records if r.action == "call.refused"]
    assert {(r.actor, r.subject) for r in refused} == {("service:theirs", "tenant:br"), ("service:reader", "tenant:br")}


def test_while_nobody_has_a_key_only_an_open_server_answers(world: Inference, tmp_path: Path):
    access = EndpointAccess(PrincipalDirectory.load(tmp_path / "nobody.yaml", may_be_missing=True))
    for open_to_all, status in ((True, 200), (False, 401)):
        with serve(world.app(access, open_to_all=open_to_all)) as address:
            assert httpx.post(f"{address}/v1/predict/fraud-br", json=payload()).status_code == status
