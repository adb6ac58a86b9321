"""Online features over real HTTP on loopback: JSON, Arrow, the SDK, and what is refused."""

from __future__ import annotations

import hashlib
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pyarrow as pa
import pytest

from foundation.clock import FixedClock
from foundation.errors import Forbidden, InvalidInput, NotFound, TooLarge, Unauthenticated, Unavailable, VigiaError
from interfaces.http.features import ARROW, arrow_bytes, create_features_app
from interfaces.sdk.client import FeatureStoreClient
from platform_core.access.directory import PrincipalDirectory, PrincipalGrant
from platform_core.access.tenancy import TenantGuard
from platform_core.features.online.port import AskedStore, FeatureRow, OnlineStore
from platform_core.features.online.redis import RedisOnlineStore
from platform_core.features.online.redis_asked import AskedRedis
from platform_core.features.online.sqlite import SqliteOnlineStore
from platform_core.features.online_response import OnlineResponse
from platform_core.features.past import PastFeatures
from platform_core.features.retrieval import OnlineRetriever
from tests.fakes.audit_log import FakeAuditLog
from tests.fakes.loopback import serve
from tests.fakes.offline_store import FakeOfflineStore
from tests.fakes.online_catalog import ANALYST, SERVICE, T, online_catalog

NAN = b'{"features": "card_stats:amount", "tenant": "br", "entity_rows": [{"card_id": NaN}]}'
KEY = "vigia_analyst_key"
CARDS = ["card_stats:amount", "card_stats:count", "card_stats:country", "card_stats:seen"]
ROWS = [
    FeatureRow("c1", T, T, {"amount": 1.5, "count": (1 << 62) + 1, "country": "BR", "seen": T - timedelta(hours=1)})
]


HISTORY = pa.table(
    {
        "tenant": ["br", "br", "ar"],
        "key": ["c1", "c1", "c1"],
        "event_ts": pa.array([T - timedelta(hours=2), T, T], pa.timestamp("us", "UTC")),
        "created_ts": pa.array([T - timedelta(hours=2), T, T], pa.timestamp("us", "UTC")),
        "amount": [1.0, 2.0, 9.0],
    }
)


@contextmanager
def served(store: OnlineStore, asked: AskedStore | None = None) -> Iterator[tuple[str, OnlineRetriever, FakeAuditLog]]:
    clock = FixedClock(T)
    audit = FakeAuditLog(clock)
    retriever = OnlineRetriever(online_catalog(), store, clock, guard=TenantGuard(audit), asked=asked)
    grant = PrincipalGrant(**ANALYST.model_dump(), api_key_sha256=hashlib.sha256(KEY.encode()).hexdigest())
    past = PastFeatures(online_catalog(), FakeOfflineStore({"features_card_stats": HISTORY}), TenantGuard(audit))
    with serve(create_features_app(retriever, PrincipalDirectory([grant]), past)) as address:
        yield address, retriever, audit


@pytest.fixture
def room(tmp_path: Path) -> Iterator[tuple[str, OnlineRetriever, FakeAuditLog]]:
    store = SqliteOnlineStore(tmp_path / "online.db")
    store.write("br", "card_stats", ROWS)
    with served(store) as everything:
        yield everything


def question(**changes: Any) -> dict[str, Any]:
    return {"features": CARDS, "tenant": "br", "entity_rows": [{"card_id": "c1"}, {"card_id": "c2"}], **changes}


def post(address: str, **more: Any) -> httpx.Response:
    headers = {"Authorization": f"Bearer {KEY}", **more.pop("headers", {})}
    return httpx.post(f"{address}/v1/features/online", headers=headers, **more)


def test_json_says_values_statuses_and_times(room: Any) -> None:
    address, _, _ = room
    answer = post(address, json=question())
    assert answer.status_code == 200, answer.text
    assert answer.json() == {
        "tenant": "br",
        "entities": {"card_id": ["c1", "c2"]},
        "dtypes": {
            "card_stats__amount": "float64",
            "card_stats__count": "int64",
            "card_stats__country": "string",
            "card_stats__seen": "timestamp",
        },
        "values": {
            "card_stats__amount": [1.5, None],
            "card_stats__count": [(1 << 62) + 1, None],
            "card_stats__country": ["BR", None],
            "card_stats__seen": ["2026-11-19T04:40:00.123456Z", None],
        },
        "statuses": {c.replace(":", "__"): ["present", "missing"] for c in CARDS},
        "event_times": {"card_stats": ["2026-11-19T05:40:00.123456Z", None]},
    }


def test_arrow_in_and_out_is_the_answer_in_process(room: Any) -> None:
    address, retriever, _ = room
    expected = retriever.get_online_features(CARDS, [{"card_id": "c1"}, {"card_id": "c2"}], "br", ANALYST)
    sink = pa.BufferOutputStream()
    rows = pa.table({"card_id": ["c1", "c2"], "extra": [1, 2]})
    with pa.ipc.new_stream(sink, rows.schema) as writer:
        writer.write_table(rows)
    asked = {"features": CARDS, "tenant": "br"}
    headers = {"Content-Type": ARROW, "Accept": ARROW}
    answer = post(address, params=asked, content=sink.getvalue().to_pybytes(), headers=headers)
    assert answer.headers["content-type"] == ARROW
    with pa.ipc.open_stream(answer.content) as reader:
        table = reader.read_all()
    assert table == expected.to_arrow(statuses=True, event_times=True)
    assert OnlineResponse.from_arrow(table).to_document() == expected.to_document()


def test_the_sdk_answers_as_in_process(room: Any) -> None:
    address, retriever, _ = room
    with FeatureStoreClient(address, KEY) as client:
        for features, full in ((CARDS, True), (CARDS, False), ("card_stats:amount", True)):
            rows: Any = {"card_id": ["c1", "c2"]}
            here = retriever.get_online_features(features, rows, "br", ANALYST, full_feature_names=full)
            for shape in (rows, pa.table(rows), [{"card_id": "c1"}, {"card_id": "c2"}]):
                there = client.get_online_features(features, shape, tenant="br", full_feature_names=full)
                assert there.to_document() == here.to_document()
                assert there.to_pandas().equals(here.to_pandas())
                assert there.to_polars().equals(here.to_polars())


@pytest.mark.parametrize(
    ("changes", "error", "said"),
    [
        ({"features": "fraud_v2"}, NotFound, "did you mean 'fraud_v1'"),
        ({"features": ["card_stats:amuont"]}, NotFound, "did you mean 'amount'"),
        ({"tenant": "ar"}, Forbidden, "may not read features of tenant 'ar'"),
        ({"entity_rows": [{"card": "c1"}, {"crad": "c1"}]}, InvalidInput, "row 2 has no 'card'"),
        ({"features": SERVICE}, InvalidInput, "row 1 has no 'merchant_id'"),
        ({"entity_rows": []}, InvalidInput, "entity_rows is empty"),
        ({"entity_rows": {"card_id": ["c"] * 5001}}, TooLarge, "5001 entity rows"),
        ({"entity_rows": {"card_id": ["c" * 300_000]}}, TooLarge, "bytes"),
    ],
)
def test_the_sdk_raises_what_the_server_said(room: Any, changes: Any, error: type[VigiaError], said: str) -> None:
    address, _, audit = room
    asked = question(**changes)
    with FeatureStoreClient(address, KEY) as client, pytest.raises(error, match=said) as raised:
        client.get_online_features(asked["features"], asked["entity_rows"], tenant=asked["tenant"])
    assert raised.value.hint
    assert audit.actions() == (["read.refused"] if error is Forbidden else [])


def test_nobody_is_answered_before_they_are_known(room: Any) -> None:
    address, _, _ = room
    with FeatureStoreClient(address, "wrong") as client, pytest.raises(Unauthenticated):
        client.get_online_features(CARDS, [{"card_id": "c1"}], tenant="br")
    assert httpx.post(f"{address}/v1/features/online", content=b"{").status_code == 401


@pytest.mark.parametrize(
    ("sent", "said"),
    [
        ({"content": b"{"}, "Invalid JSON"),
        ({"json": {"features": "fraud_v1"}}, "tenant: Field required"),
        ({"json": question(feature_names=1)}, "feature_names: Extra"),
        ({"json": question(entity_rows=[["c1"]])}, "entity_rows"),
        ({"content": b"a=b", "headers": {"Content-Type": "text/csv"}}, "text/csv"),
        ({"content": b"x", "headers": {"Content-Type": ARROW}}, "features: Field required"),
        (
            {
                "content": b"xxxxxxxx",
                "headers": {"Content-Type": ARROW},
                "params": {"features": SERVICE, "tenant": "br"},
            },
            "Arrow stream",
        ),
        ({"content": NAN}, "row 1, 'card_id' is nan"),
    ],
)
def test_what_cannot_be_read_is_422_and_says_why(room: Any, sent: Any, said: str) -> None:
    address, _, _ = room
    answer = post(address, **sent)
    assert answer.status_code == 422, answer.text
    assert said in answer.json()["error"]["message"]


def test_the_past_is_read_as_it_was(room: Any) -> None:
    address, _, audit = room
    times = [T - timedelta(hours=1), T, T - timedelta(hours=3)]
    rows = pa.table({"card_id": ["c1"] * 3, "event_timestamp": pa.array(times, pa.timestamp("us", "UTC"))})
    with FeatureStoreClient(address, KEY) as client:
        found = client.get_historical_features("card_stats:amount", rows, tenant="br", statuses=True)
        assert found["card_stats__amount"].to_pylist() == [1.0, 2.0, None]
        assert found["card_stats__amount__status"].to_pylist() == ["present", "present", "missing"]
        with pytest.raises(Forbidden, match="'ar'"):
            client.get_historical_features("card_stats:amount", rows, tenant="ar")
        with pytest.raises(InvalidInput, match="column 'tenant'"):
            client.get_historical_features(CARDS, rows.append_column("tenant", pa.array(["ar"] * 3)), tenant="br")
        many = rows.select(["event_timestamp"]).append_column("card_id", pa.array(["c1"] * 3).dictionary_encode())
        with pytest.raises(TooLarge, match="5001 entity rows"):
            client.get_historical_features(CARDS, pa.concat_tables([many] * 1667).combine_chunks(), tenant="br")
    assert audit.actions() == ["read.refused"]
    asked = {"features": ["card_stats:amount"], "tenant": "br", "full_feature_names": False}
    moments = [{"card_id": "c1", "event_timestamp": time.isoformat()} for time in times]
    headers = {"Authorization": f"Bearer {KEY}"}
    url = f"{address}/v1/features/historical"
    answer = httpx.post(url, json={**asked, "entity_rows": moments}, headers=headers)
    assert answer.json()["columns"]["amount"] == [1.0, 2.0, None]
    moments[1]["event_timestamp"] = "2026-11-19T05:40:00"
    answer = httpx.post(url, json={**asked, "entity_rows": moments}, headers=headers)
    assert (answer.status_code, "row 2" in answer.json()["error"]["message"]) == (422, True)


def test_keys_that_one_answer_cannot_hold_are_said_or_held(room: Any) -> None:
    """Whole numbers beyond 64 bits are told by row and column; 7 beside "7" is the same key, in Arrow as text."""
    address, _, _ = room
    wide: Any = [{"card_id": "c1"}, {"card_id": 1 << 70}]
    for headers in ({}, {"Accept": ARROW}):
        answer = post(address, json=question(entity_rows=wide), headers=headers)
        assert (answer.status_code, "row 2, 'card_id' is a number of 71 bits" in answer.text) == (422, True)
    late = T.isoformat()
    answer = httpx.post(
        f"{address}/v1/features/historical",
        headers={"Authorization": f"Bearer {KEY}"},
        json=question(features="card_stats:amount", entity_rows=[{**row, "event_timestamp": late} for row in wide]),
    )
    assert answer.status_code == 422, answer.text
    with FeatureStoreClient(address, KEY) as store:
        mixed = store.get_online_features(CARDS, [{"card_id": 7}, {"card_id": "7"}], tenant="br")
    assert mixed.to_arrow()["card_id"].to_pylist() == ["7", "7"]


def test_the_sdk_leaves_other_columns_of_an_arrow_table_alone(room: Any) -> None:
    address, _, _ = room
    rows = pa.table({"card_id": ["c1", "c2"], "at": pa.array([T, T], pa.timestamp("us", "UTC"))})
    with FeatureStoreClient(address, KEY) as store:
        found = store.get_online_features(CARDS, rows, tenant="br", full_feature_names=False)
    assert found.values["amount"] == [1.5, None]


def test_a_column_that_json_has_no_form_for_is_named(room: Any) -> None:
    address, _, _ = room
    rows = pa.table({"card_id": ["c1"], "event_timestamp": pa.array([T], pa.timestamp("us", "UTC")), "blob": [b"\xff"]})
    answer = httpx.post(
        f"{address}/v1/features/historical",
        params={"features": "card_stats:amount", "tenant": "br"},
        headers={"Authorization": f"Bearer {KEY}", "Content-Type": ARROW},
        content=arrow_bytes(rows),
    )
    assert (answer.status_code, "row 1, 'blob' is a bytes" in answer.text) == (422, True), answer.text


def test_nobody_listening_is_unavailable() -> None:
    with FeatureStoreClient("http://127.0.0.1:1", KEY) as client, pytest.raises(Unavailable, match=r"127\.0\.0\.1:1"):
        client.get_online_features(CARDS, [{"card_id": "c1"}], tenant="br")


@pytest.mark.server
@pytest.mark.parametrize("on_the_loop", [True, False])
def test_a_redis_that_goes_away_is_told_and_found_again(tmp_path: Path, on_the_loop: bool) -> None:
    if shutil.which("redis-server") is None:
        pytest.skip("needs redis-server: apt-get install redis-server")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    redis = start_redis(port, tmp_path)
    store = RedisOnlineStore(f"redis://:secret@127.0.0.1:{port}/0")
    asked = AskedRedis(f"redis://:secret@127.0.0.1:{port}/0") if on_the_loop else None
    try:
        store.write("br", "card_stats", ROWS)
        with served(store, asked) as (address, _, _), FeatureStoreClient(address, KEY) as client:
            assert client.get_online_features(CARDS, {"card_id": ["c1"]}, tenant="br").values["card_stats__amount"] == [
                1.5
            ]
            stop(redis)
            for _ in range(2):
                with pytest.raises(Unavailable, match=rf"Redis at 127\.0\.0\.1:{port}/0 did not answer") as raised:
                    client.get_online_features(CARDS, {"card_id": ["c1"]}, tenant="br")
                assert "secret" not in str(raised.value)
            with pytest.raises(NotFound):
                client.get_online_features("fraud_v2", {"card_id": ["c1"]}, tenant="br")  # the process goes on
            redis = start_redis(port, tmp_path)
            empty = client.get_online_features(CARDS, {"card_id": ["c1"]}, tenant="br")
            assert empty.statuses["card_stats__amount"] == ["missing"]
            assert store.write("br", "card_stats", ROWS) == 1
            # another reader, which knows no layout from before
            fresh = RedisOnlineStore(f"redis://:secret@127.0.0.1:{port}/0")
            assert fresh.sample("br", "card_stats", 1) == ROWS
            fresh.close()
            assert client.get_online_features(CARDS, {"card_id": ["c1"]}, tenant="br").values["card_stats__amount"] == [
                1.5
            ]
    finally:
        store.close()
        stop(redis)


def start_redis(port: int, directory: Path) -> subprocess.Popen[bytes]:
    options = f"--port {port} --bind 127.0.0.1 --appendonly no --requirepass secret --dir {directory}".split()
    redis = subprocess.Popen(["redis-server", *options, "--save", ""], stdout=subprocess.DEVNULL)
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return redis
        time.sleep(0.02)
    raise RuntimeError("redis-server did not start")


def stop(redis: subprocess.Popen[bytes]) -> None:
    redis.terminate()
    redis.wait(10)
