"""Questions about features that cannot be answered, at each door: in process, over HTTP, with the SDK, from a file.
Each is told which row and column or which name, and what to do; nobody is answered a half, the process goes on."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from foundation.clock import FixedClock
from foundation.errors import NotFound, VigiaError
from interfaces.sdk.client import FeatureStoreClient
from platform_core.access.tenancy import TenantGuard
from platform_core.features.historical import get_historical_features
from platform_core.features.historical_files import historical_file
from platform_core.features.offline.delta import DeltaOfflineStore
from platform_core.features.online.sqlite import SqliteOnlineStore
from platform_core.features.past import PastFeatures
from tests.fakes.audit_log import FakeAuditLog
from tests.fakes.offline_store import FakeOfflineStore
from tests.fakes.online_catalog import ANALYST, T, online_catalog, somebody
from tests.integration.test_features_http import HISTORY, KEY, ROWS, served

A = "card_stats:amount"
UTC_US = pa.timestamp("us", "UTC")
NAIVE = T.replace(tzinfo=None)


@pytest.fixture(scope="module")
def doors(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    store = SqliteOnlineStore(tmp_path_factory.mktemp("bad") / "online.db")
    store.write("br", "card_stats", ROWS)
    offline = FakeOfflineStore({"features_card_stats": HISTORY})
    with served(store) as (address, retriever, _), FeatureStoreClient(address, KEY) as sdk:
        yield SimpleNamespace(address=address, retriever=retriever, sdk=sdk, offline=offline)
        # After all of them it answers as ever.
        assert sdk.get_online_features(A, {"card_id": ["c1"]}, tenant="br").values["card_stats__amount"] == [1.5]


def told(call: Callable[[], object]) -> str:
    with pytest.raises(VigiaError) as raised:
        call()
    assert raised.value.code != "internal"
    assert raised.value.hint, raised.value
    return str(raised.value)


def told_by_http(doors: Any, path: str, features: Any, rows: Any) -> str:
    body = json.dumps({"features": features, "tenant": "br", "entity_rows": rows})
    headers = {"Authorization": f"Bearer {KEY}", "Content-Type": "application/json"}
    answer = httpx.post(f"{doors.address}/v1/features/{path}", content=body, headers=headers)
    assert 400 <= answer.status_code < 500, answer.text
    assert answer.json()["error"]["hint"], answer.text
    return "{message} ({hint})".format(**answer.json()["error"])


ONLINE = [
    ("card_stats:amuont", [{"card_id": "c1"}], "did you mean 'amount'"),
    ("crad_stats:amount", [{"card_id": "c1"}], "did you mean 'card_stats'"),
    ("fraud", [{"card_id": "c1"}], "did you mean 'fraud_v1'"),
    ([], [{"card_id": "c1"}], "no features were asked for"),
    (A, {"crad_id": ["c1"]}, "no column 'card_id'.*is 'crad_id' meant"),
    (A, [{"card_id": "c1"}, {}], "row 2 has no 'card_id'"),
    (A, [], "entity_rows is empty"),
    (A, {"card_id": []}, "entity_rows is empty"),
    (A, [{"card_id": "c1"}, {"card_id": None}], "row 2, 'card_id' is null.*a key is text or a whole number"),
    (A, [{"card_id": 1.5}], "row 1, 'card_id' is 1.5, a float"),
    (A, [{"card_id": math.nan}], "row 1, 'card_id' is nan"),
    (A, [{"card_id": ["c1"]}], "row 1, 'card_id' is .'c1'., a list"),
    (A, {"card_id": ["c1", 1 << 63]}, "row 2, 'card_id' is a whole number of 64 bits and a sign"),
    (A, {"card_id": ["c1", 1 << 1022]}, "row 2, 'card_id' is a whole number of 1023 bits"),
    (A, {"card_id": ["c1"], "b": [1, 2]}, "differ in length: card_id 1, b 2"),
    (A, {"card_id": ["c"] * 5001}, "5001 entity rows.*at most 5000"),
]
"""At every door alike."""

IN_PYTHON = [
    (A, [{"card_id": "c1"}, {"card_id": "a\ud800"}], "row 2, 'card_id' is .*half of a surrogate pair"),
    (A, [{"card_id": T}], "row 1, 'card_id' is datetime.*a datetime"),
    (None, [{"card_id": "c1"}], "None names no features"),
    ([1], [{"card_id": "c1"}], "names no features.*list of view:feature"),
    (A, pa.table({"card_id": [1.5]}), "row 1, 'card_id' is 1.5"),
    (A, pa.table({"card_id": pa.array([1 << 63], pa.uint64())}), "row 1, 'card_id' is a whole number of 64 bits"),
    (A, pa.table([pa.array(["a"]), pa.array(["b"])], ["card_id", "card_id"]), "two columns 'card_id'"),
]

SHAPES = [
    (["c1"], "entity_rows.*0|row 1 of entity_rows is 'c1'"),
    ("c1", "entity_rows"),
    ({"card_id": "c1"}, "card_id"),
]
"""What is no rows at all: over HTTP the field is named as every field is."""


@pytest.mark.parametrize(("features", "rows", "said"), ONLINE)
def test_online_at_every_door(doors: Any, features: Any, rows: Any, said: str) -> None:
    by = told_by_http(doors, "online", features, rows)
    here = told(lambda: doors.retriever.get_online_features(features, rows, "br", ANALYST))
    there = told(lambda: doors.sdk.get_online_features(features, rows, tenant="br"))
    for text in (by, here, there):
        _matches(said, text)


@pytest.mark.parametrize(("features", "rows", "said"), IN_PYTHON)
def test_online_in_python(doors: Any, features: Any, rows: Any, said: str) -> None:
    _matches(said, told(lambda: doors.retriever.get_online_features(features, rows, "br", ANALYST)))
    _matches(said, told(lambda: doors.sdk.get_online_features(features, rows, tenant="br")))


@pytest.mark.parametrize(("rows", "said"), SHAPES)
def test_what_is_no_rows(doors: Any, rows: Any, said: str) -> None:
    _matches(said, told_by_http(doors, "online", A, rows))
    _matches(said, told(lambda: doors.retriever.get_online_features(A, rows, "br", ANALYST)))
    _matches(said, told(lambda: doors.sdk.get_online_features(A, rows, tenant="br")))


def test_who_asks_for_a_tenant_that_is_none_hears_of_no_other(doors: Any) -> None:
    past = PastFeatures(online_catalog(), doors.offline, TenantGuard(FakeAuditLog(FixedClock(T))))
    moments = pa.table({"card_id": ["c1"], "event_timestamp": pa.array([T], UTC_US)})
    for call in (
        lambda: doors.retriever.get_online_features(A, [{"card_id": "c1"}], "cl", somebody("cl")),
        lambda: past.get_historical_features(A, moments, "cl", somebody("cl")),
    ):
        with pytest.raises(NotFound, match="no tenant 'cl'") as raised:
            call()
        assert not re.search(r"\b(br|mx)\b", str(raised.value)), raised.value


def test_a_tenant_that_is_none(doors: Any) -> None:
    _matches("tenant is None", told(lambda: doors.retriever.get_online_features(A, [{"card_id": "c1"}], None, ANALYST)))


def table(times: Any = None, **columns: Any) -> pa.Table:
    given: dict[str, Any] = {"card_id": ["c1"], **columns}
    moments = pa.array([T] * len(given["card_id"]), UTC_US) if times is None else times
    return pa.table({**given, "event_timestamp": moments})


PAST = [
    ("card_stats:amuont", table(), "did you mean 'amount'"),
    ("pair_stats:count", table(merchant_id=["m"]), "has no history.*materialize it first"),
    (A, table().drop_columns(["card_id"]), "lack the column 'card_id'.*they have event_timestamp"),
    (A, pa.table({}), "lack the column 'event_timestamp'.*no columns"),
    (A, table(pa.array([NAIVE])), "'event_timestamp'.*without a zone.*tz_localize"),
    (A, table(pa.array(["2026-11-19"])), "'event_timestamp' of the entity rows is string"),
    (A, table(pa.array([date(2026, 11, 19)])), "'event_timestamp' of the entity rows is date32"),
    (A, table(pa.array([T, None], UTC_US), card_id=["c1", "c2"]), "row 2 .* has no 'event_timestamp'"),
    (A, table(pa.array([1 << 60], pa.timestamp("s", "UTC"))), "row 1 .* beyond what microseconds.*finer unit"),
    (A, table(card_id=[1.5]), "'card_id' of the entity rows is double.*Int64"),
    (A, table(card_id=pa.array([1, 1 << 63], pa.uint64())), "row 2 .*'card_id' is a whole number of 64 bits"),
    (A, table(card_stats__amount=[1]), "would be a second one"),
    (A, table().append_column("card_id", pa.array(["x"])), "two columns 'card_id'"),
    (A, pd.DataFrame({"card_id": ["c1"], "event_timestamp": [pd.Timestamp(NAIVE)]}), "without a zone"),
    (A, pl.DataFrame({"card_id": ["c1"], "event_timestamp": [NAIVE]}), "without a zone"),
    (A, pd.DataFrame({"card_id": [1, None], "event_timestamp": [T, T]}), "is double.*Int64"),
    (A, [{"card_id": "c1", "event_timestamp": T}, {"card_id": "c1", "event_timestamp": NAIVE}], "row 2 .*zone"),
    (A, [{"card_id": "c1", "event_timestamp": T}, {"card_id": 7, "event_timestamp": T}], "row 2 is 7, a int, after"),
    (A, [{"card_id": 1 << 70, "event_timestamp": T}], "'card_id'.*row 1 is a whole number of 71 bits"),
    (A, [], "lack the column"),
    (A, {"card_id": ["c1"]}, "entity rows are a dict"),
]


@pytest.mark.parametrize(("features", "rows", "said"), PAST)
def test_the_past_in_python(doors: Any, features: Any, rows: Any, said: str, tmp_path: Path) -> None:
    catalog = online_catalog()
    _matches(said, told(lambda: get_historical_features(doors.offline, catalog, features, rows, tenant="br")))
    _matches(said, told(lambda: doors.sdk.get_historical_features(features, rows, tenant="br")))
    names = rows.column_names if isinstance(rows, pa.Table) else []
    if names and len(set(names)) == len(names) and "beyond" not in said:  # as the command line reads it
        asked, out = tmp_path / "asked.parquet", tmp_path / "out.parquet"
        pq.write_table(rows, asked)
        call = lambda: historical_file(doors.offline, catalog, features, asked, out, tenant="br")  # noqa: E731
        _matches(said.replace("lack the column 'card_id'", "lack the column"), told(call))
        assert [path.name for path in tmp_path.iterdir()] == ["asked.parquet"], "nothing half-written"


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({"card_id": "c1"}, "row 2 has no 'event_timestamp'"),
        ({"event_timestamp": T.isoformat()}, "row 2 has no 'card_id'"),
        ({"card_id": "c1", "event_timestamp": NAIVE.isoformat()}, "row 2, 'event_timestamp'.*zone"),
        ({"card_id": "c1", "event_timestamp": "yesterday"}, "row 2, 'event_timestamp' is 'yesterday', no time"),
        ({"card_id": "c1", "event_timestamp": 5}, "row 2, 'event_timestamp' is 5"),
        ({"card_id": "c1", "event_timestamp": None}, "row 2, 'event_timestamp' is None"),
        ({"card_id": 7, "event_timestamp": T.isoformat()}, "'card_id'.*row 2 is 7, a int, after a str"),
        ({"card_id": 1 << 70, "event_timestamp": T.isoformat()}, "'card_id'.*row 2 is a whole number of 71 bits"),
    ],
)
def test_the_past_in_json(doors: Any, row: Any, said: str) -> None:
    first = {"card_id": "c1", "event_timestamp": T.isoformat()}
    _matches(said, told_by_http(doors, "historical", A, [first, row]))


def test_nanoseconds_and_several_zones_are_no_fault(doors: Any) -> None:
    zones = [pd.Timestamp(T), pd.Timestamp(T + timedelta(hours=1)).tz_convert("America/Sao_Paulo")]
    rows = pd.DataFrame({"card_id": ["c1", "c1"], "event_timestamp": pd.Series(zones, dtype=object)})
    assert doors.sdk.get_historical_features(A, rows, tenant="br")["card_stats__amount"].to_pylist() == [2.0, 2.0]
    fine = table(pa.array([T], pa.timestamp("ns", "UTC")))
    assert doors.sdk.get_historical_features(A, fine, tenant="br")["card_stats__amount"].to_pylist() == [2.0]


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda table: next(table.rglob("*.parquet")).unlink(), "data file is gone or damaged"),
        (
            lambda table: next(table.rglob("*.parquet")).write_bytes(b"PAR1, but no more"),
            "data file is gone or damaged",
        ),
        (lambda table: next((table / "_delta_log").glob("*.json")).write_text('{"add": {'), "_delta_log|Delta log"),
        (lambda table: next((table / "_delta_log").glob("*.json")).unlink(), "Delta log|write it again"),
    ],
)
def test_a_half_written_table_is_named(tmp_path: Path, damage: Callable[[Path], object], said: str) -> None:
    DeltaOfflineStore(tmp_path).append("features_card_stats", HISTORY)
    damage(tmp_path / "features_card_stats")
    text = told(lambda: get_historical_features(DeltaOfflineStore(tmp_path), online_catalog(), A, table(), tenant="br"))
    _matches(said, text)
    assert "features_card_stats" in text
    assert "\n" not in text


def _matches(said: str, text: str) -> None:
    assert re.search(said, text, re.DOTALL), f"{said!r} is not in {text!r}"
