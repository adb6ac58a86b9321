"""The same request as JSON read quickly or the long way, as a batch of one and as Arrow: the same answer, the same
refusal. Features are read from a real store, in which one card is and others are not."""

from __future__ import annotations

import asyncio
import json
from collections.abc import MutableMapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from sqlalchemy.engine import Engine

from foundation.clock import FixedClock
from platform_core.features.online.port import FeatureRow
from platform_core.features.online.sqlite import SqliteOnlineStore
from platform_core.serving.app import InferenceApp
from platform_core.serving.reading import StoreFeatures
from platform_core.serving.wire import ARROW, JSON
from tests.conftest import NIGHT
from tests.fakes.inference import Inference
from tests.fakes.payments import small_catalog

CARD, DEVICE = "card_velocity__tx_count_1h", "device_risk__tx_count_1h"
KEYS: dict[str, Any] = {"card": "card-1", "device": "device-1"}
INPUTS: dict[str, Any] = {"amount": 20.0, "hour": 3.0, "is_online": 1.0}
Said = tuple[int, dict[bytes, bytes], Any]


@pytest.fixture
def app(engine: Engine, clock: FixedClock, tmp_path: Path) -> InferenceApp:
    world = Inference(engine, clock, tmp_path / "models")
    world.patch(serving={"default_features": {DEVICE: 7.0}, "max_rows": 2})
    store = SqliteOnlineStore(tmp_path / "online.db")
    store.write("br", "card_velocity", [FeatureRow("card-1", NIGHT, NIGHT, {"tx_count_1h": 4.0})])
    store.write("br", "device_risk", [FeatureRow("device-1", NIGHT, NIGHT, {"tx_count_1h": 2.0})])
    world.retriever = StoreFeatures(small_catalog(), store, clock)  # type: ignore[assignment]
    return world.app(refresh_interval=3600)


def ask(app: InferenceApp, *bodies: tuple[bytes, str]) -> list[Said]:
    """Each is asked twice: as it is, and with the quick way closed."""

    async def one(body: bytes, content_type: str) -> Said:
        sent: list[MutableMapping[str, Any]] = []

        async def receive() -> MutableMapping[str, Any]:
            return {"type": "http.request", "body": body}

        async def send(message: MutableMapping[str, Any]) -> None:
            sent.append(message)

        about = {"type": "http", "method": "POST", "path": "/v1/predict/fraud-br", "query_string": b"request_id=r"}
        await app({**about, "headers": [(b"content-type", content_type.encode())]}, receive, send)  # type: ignore[arg-type]
        return sent[0]["status"], dict(sent[0]["headers"]), json.loads(sent[1]["body"])

    async def story() -> list[Said]:
        async with app.router.lifespan_context(app):
            quick = [await one(*body) for body in bodies]
            with pytest.MonkeyPatch.context() as patch:
                for way in ("_fast", "_fast_batch"):
                    patch.setattr(f"platform_core.serving.questions.{way}", lambda *_: None)
                assert [await one(*body) for body in bodies] == quick
            return quick

    return asyncio.run(story())


def single(entities: Any, inputs: Any, **more: Any) -> tuple[bytes, str]:
    return json.dumps({"request_id": "r", "entities": entities, "inputs": inputs, **more}).encode(), JSON


def batch(*rows: dict[str, Any], **more: Any) -> tuple[bytes, str]:
    return json.dumps({"request_id": "r", "rows": rows, **more}).encode(), JSON


def arrow(entities: dict[str, Any], inputs: dict[str, Any]) -> tuple[bytes, str]:
    table = pa.table({name: pa.array([value]) for name, value in {**entities, **inputs}.items()})
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return sink.getvalue().to_pybytes(), ARROW


def without(given: dict[str, Any], name: str) -> dict[str, Any]:
    return {key: value for key, value in given.items() if key != name}


REQUESTS: list[tuple[Any, Any, int, str | None]] = [
    (KEYS, INPUTS, 200, None),
    ({**KEYS, "card": "nobody"}, INPUTS, 200, None),
    ({"card_id": "card-1", "device_id": "device-1"}, INPUTS, 200, None),
    (KEYS, {**INPUTS, "hour": 3}, 200, None),
    (without(KEYS, "device"), INPUTS, 422, "entities.device"),
    ({**KEYS, "merchant": "m"}, INPUTS, 422, "merchant"),
    ({**KEYS, "card": 7}, INPUTS, 422, "entities.card"),
    ({**KEYS, "card": None}, INPUTS, 422, "entities.card"),
    ({**KEYS, "card": ""}, INPUTS, 422, "entities.card"),
    (KEYS, without(INPUTS, "hour"), 422, "inputs.hour"),
    (KEYS, {**INPUTS, "tip": 1.0}, 422, "tip"),
    (KEYS, {**INPUTS, "hour": "three"}, 422, "inputs.hour"),
    (KEYS, {**INPUTS, "hour": True}, 422, "inputs.hour"),
    (KEYS, {**INPUTS, "hour": None}, 422, "inputs.hour"),
]


def test_every_way_answers_alike(app: InferenceApp) -> None:
    ways = [(single(e, i), batch({"entities": e, "inputs": i}), arrow(e, i)) for e, i, _, _ in REQUESTS]
    said = ask(app, *(body for bodies in ways for body in bodies))
    for place, (entities, inputs, status, field) in enumerate(REQUESTS):
        one, many, table = said[3 * place : 3 * place + 3]
        assert [one[0], many[0], table[0]] == [status] * 3, (entities, inputs, one, many, table)
        if field is not None:
            for _, _, told in (one, many, table):
                assert told["error"]["code"] == "invalid_input"
                assert field in told["error"]["message"], told
        else:
            assert many[2] == table[2]
            assert {**many[2]["predictions"][0], "request_id": "r"} == one[2]


def test_who_is_not_in_the_store_is_answered_as_missing_with_the_declared_default(app: InferenceApp) -> None:
    known, other, nobody = ask(
        app,
        single(KEYS, INPUTS),
        single({**KEYS, "device": "nobody"}, INPUTS),
        single({"card": "nobody", "device": "nobody"}, INPUTS),
    )
    assert known[2]["missing"] == []
    assert (other[0], other[2]["missing"], other[2]["defaulted"]) == (200, [DEVICE], [DEVICE])
    assert (nobody[0], nobody[2]["missing"], nobody[2]["defaulted"]) == (200, [CARD, DEVICE], [DEVICE])
    assert [each[2]["fallback"] for each in (known, other, nobody)] == [None] * 3


@pytest.mark.parametrize(
    ("body", "status", "says"),
    [
        (single(KEYS, INPUTS, mode="debug"), 422, "mode: "),
        (batch({"entities": KEYS, "inputs": INPUTS}, mode="debug"), 422, "mode: "),
        (batch({"entities": KEYS, "inputs": INPUTS, "mode": 1}), 422, "rows.0.mode: "),
        (single(KEYS, INPUTS, attributions="yes"), 422, "attributions: "),
        (batch(*[{"entities": KEYS, "inputs": INPUTS}] * 3), 413, "3 rows"),
    ],
)
def test_what_only_json_can_say_wrong_is_named_too(
    app: InferenceApp, body: tuple[bytes, str], status: int, says: str
) -> None:
    ((found, _, told),) = ask(app, body)
    assert (found, says in told["error"]["message"]) == (status, True), told
