"""What is DynamoDB's own: keys it leaves unprocessed, more keys than it takes at once, a table that is not there."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from foundation.errors import InvalidInput, Unavailable
from platform_core.features.online.dynamodb import DynamoOnlineStore
from platform_core.features.online.port import FeatureRow
from tests.fakes.online_stores import TABLE, dynamodb_url, online_store

T = datetime(2026, 11, 19, tzinfo=UTC)


class Reluctant:
    """A client that answers only for the first key of what it is asked, `refusals` times."""

    def __init__(self, client: Any, refusals: int) -> None:
        self._client = client
        self.refusals = refusals
        self.asked: list[int] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)

    def batch_get_item(self, **request: Any) -> Any:
        table = request["RequestItems"][TABLE]
        self.asked.append(len(table["Keys"]))
        if len(self.asked) > self.refusals:
            return self._client.batch_get_item(**request)
        done, left = table["Keys"][:1], table["Keys"][1:]
        answer = self._client.batch_get_item(RequestItems={TABLE: {**table, "Keys": done}})
        return answer | {"UnprocessedKeys": {TABLE: {**table, "Keys": left}} if left else {}}


@pytest.fixture
def filled(tmp_path: Path) -> Iterator[DynamoOnlineStore]:
    with online_store("dynamodb", tmp_path) as store:
        assert isinstance(store, DynamoOnlineStore)
        store.restore("tx", "v", [FeatureRow(f"k{i}", T, T, {"x": float(i)}) for i in range(12)])
        yield store


def values(store: DynamoOnlineStore, keys: list[str]) -> list[Any]:
    batch = store.read_views("tx", [("v", keys)], now=T, ttls={})[0]
    return batch.columns(["x"]).values[0]


def test_keys_left_unprocessed_are_asked_for_again(filled: DynamoOnlineStore) -> None:
    client = Reluctant(filled._client, refusals=3)
    store = DynamoOnlineStore(client, TABLE)
    assert values(store, [f"k{i}" for i in range(12)]) == [float(i) for i in range(12)]
    assert client.asked == [12, 11, 10, 9]


def test_a_throttled_table_is_unavailable_after_a_bounded_number_of_attempts(filled: DynamoOnlineStore) -> None:
    client = Reluctant(filled._client, refusals=99)
    with pytest.raises(Unavailable, match=r"vigia-online left 6 keys unprocessed after 6 attempts.*throttled"):
        values(DynamoOnlineStore(client, TABLE), [f"k{i}" for i in range(12)])
    assert len(client.asked) == 6


def test_more_keys_than_one_call_takes(filled: DynamoOnlineStore) -> None:
    keys = [f"k{i % 250}" for i in range(251)]
    client = Reluctant(filled._client, refusals=0)
    assert values(DynamoOnlineStore(client, TABLE), keys) == [
        float(i % 250) if i % 250 < 12 else None for i in range(251)
    ]
    assert sorted(client.asked) == [50, 100, 100]


def test_a_table_that_is_not_there_is_unavailable_and_named() -> None:
    store = DynamoOnlineStore.connect("no-such-table", region="sa-east-1", url=dynamodb_url(), timeout_s=10)
    with pytest.raises(Unavailable, match=r"127\.0\.0\.1:\d+/no-such-table refused.*is the table made"):
        store.newest_event("br", "v")
    with pytest.raises(Unavailable, match="no-such-table"):
        store.write("br", "v", [FeatureRow("k", T, T, {"x": 1.0})])
    store.close()


def test_nobody_listening_is_unavailable_and_named() -> None:
    dynamodb_url()  # credentials
    store = DynamoOnlineStore.connect(TABLE, region="sa-east-1", url="http://127.0.0.1:1", timeout_s=0.2)
    with pytest.raises(Unavailable, match=r"127\.0\.0\.1:1/vigia-online did not answer"):
        store.read("br", [("v", "k")], now=T + timedelta(1), ttls={})
    store.close()


def test_a_key_that_is_too_long_is_the_callers_mistake(filled: DynamoOnlineStore) -> None:
    with pytest.raises(InvalidInput, match="2048 bytes"):
        filled.write("tx", "v", [FeatureRow("k" * 3000, T, T, {"x": 1.0})])


class Reader:
    """A client whose credentials may not make tables."""

    def __init__(self, client: Any) -> None:
        self._client = client

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)

    def create_table(self, **request: Any) -> Any:
        raise AssertionError(f"may not be made: {request['TableName']}")


def test_a_table_that_is_there_is_not_made(filled: DynamoOnlineStore) -> None:
    store = DynamoOnlineStore(Reader(filled._client), TABLE)
    store.create_table()
    assert values(store, ["k1"]) == [1.0]
