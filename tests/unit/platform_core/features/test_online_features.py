"""Features for many entities at once, on somebody's behalf."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from prometheus_client import generate_latest

from foundation.clock import FixedClock
from foundation.errors import Forbidden, InvalidInput, NotFound, TooLarge, Unavailable
from platform_core.access.principals import Principal
from platform_core.access.tenancy import TenantGuard
from platform_core.catalog.specs import Catalog
from platform_core.features import retrieval
from platform_core.features.keys import entity_key
from platform_core.features.online.batch import RowBatch
from platform_core.features.online.port import FeatureRow
from platform_core.features.online.sqlite import SqliteOnlineStore
from platform_core.features.retrieval import OnlineRetriever
from tests.fakes.audit_log import FakeAuditLog
from tests.fakes.online_catalog import ANALYST, SERVICE, T, online_catalog, somebody

HOUR = timedelta(hours=1)


class Asked:
    """A store that an event loop can ask."""

    def __init__(self, store: SqliteOnlineStore) -> None:
        self.store = store

    async def ask_views(self, tenant: str, wanted: Any, *, now: datetime, ttls: Any) -> list[RowBatch]:
        await asyncio.sleep(0)
        return self.store.read_views(tenant, wanted, now=now, ttls=ttls)

    def close(self) -> None: ...


class Room:
    def __init__(self, directory: Path, catalog: Catalog, *, on_the_loop: bool = False) -> None:
        self.clock = FixedClock(T)
        self.audit = FakeAuditLog(self.clock)
        self.online = SqliteOnlineStore(directory / "online.db")
        asked, guard = Asked(self.online) if on_the_loop else None, TenantGuard(self.audit)
        self.retriever = OnlineRetriever(catalog, self.online, self.clock, guard=guard, asked=asked)
        rows = [
            FeatureRow("c1", T, T, {"amount": 1.5, "count": 3, "country": "AR", "seen": T - HOUR}),
            FeatureRow("c2", T - HOUR, T, {"amount": None, "count": 4, "country": None, "seen": None}),
            FeatureRow("c3", T - 25 * HOUR, T, {"amount": 9.0, "count": 9, "country": "BR", "seen": T}),
        ]
        self.online.write("br", "card_stats", rows)
        pair = entity_key(["c1", "m|1"])
        self.online.write("br", "pair_stats", [FeatureRow(pair, T, T, {"trusted": True, "count": 7})])

    def get(self, features: Any, rows: Any, tenant: str = "br", principal: Principal = ANALYST, **more: Any) -> Any:
        if self.retriever.on_the_loop:
            return asyncio.run(self.retriever.ask_online_features(features, rows, tenant, principal, **more))
        return self.retriever.get_online_features(features, rows, tenant, principal, **more)


@pytest.fixture(params=["waited for", "asked by a loop"])
def room(tmp_path: Path, request: pytest.FixtureRequest) -> Room:
    return Room(tmp_path, online_catalog(), on_the_loop=request.param == "asked by a loop")


CARDS = ["card_stats:amount", "card_stats:count", "card_stats:country", "card_stats:seen"]


def test_values_statuses_and_times_of_many_entities(room: Room) -> None:
    answer = room.get(CARDS, [{"card_id": c} for c in ("c1", "c2", "c3", "c4", "c1")])
    assert answer.names == tuple(c.replace(":", "__") for c in CARDS)
    assert answer.to_dict() == {
        "card_stats__amount": [1.5, None, None, None, 1.5],
        "card_stats__count": [3, 4, None, None, 3],
        "card_stats__country": ["AR", None, None, None, "AR"],
        "card_stats__seen": [T - HOUR, None, None, None, T - HOUR],
    }
    assert list(answer.statuses["card_stats__amount"]) == ["present", "null", "expired", "missing", "present"]
    assert list(answer.statuses["card_stats__count"]) == ["present", "present", "expired", "missing", "present"]
    assert answer.event_times == {"card_stats": [T, T - HOUR, T - 25 * HOUR, None, T]}
    assert answer.rows == 5


def test_a_service_reads_several_views_with_composite_keys(room: Room) -> None:
    rows = [{"card_id": "c1", "merchant_id": "m|1", "note": "kept out"}, {"card_id": "c1|m", "merchant_id": "1"}]
    answer = room.get(SERVICE, rows)
    assert answer.to_rows() == [
        {
            "card_id": "c1",
            "merchant_id": "m|1",
            "pair_stats__trusted": True,
            "card_stats__amount": 1.5,
            "pair_stats__count": 7,
        },
        {
            "card_id": "c1|m",
            "merchant_id": "1",
            "pair_stats__trusted": None,
            "card_stats__amount": None,
            "pair_stats__count": None,
        },
    ]


def test_rows_columns_and_arrow_are_the_same_question(room: Room) -> None:
    as_rows = room.get(CARDS, [{"card_id": "c1"}, {"card_id": "c3"}]).to_document()
    assert room.get(CARDS, {"card_id": ["c1", "c3"]}).to_document() == as_rows
    assert room.get(CARDS, pa.table({"card_id": ["c1", "c3"]})).to_document() == as_rows
    by_entity = room.get(CARDS, {"card": ["c1", "c3"]}).to_document()
    assert by_entity == as_rows
    assert room.get("card_stats:amount", {"card_id": ["c1"]}).to_dict() == {"card_stats__amount": [1.5]}


def test_arrow_has_the_types_of_the_catalog(room: Room) -> None:
    table = room.get(CARDS, [{"card_id": "c1"}, {"card_id": "c4"}]).to_arrow(statuses=True, event_times=True)
    types = {name: str(table.schema.field(name).type) for name in table.column_names}
    assert types == {
        "card_id": "string",
        "card_stats__amount": "double",
        "card_stats__amount__status": "string",
        "card_stats__count": "int64",
        "card_stats__count__status": "string",
        "card_stats__country": "string",
        "card_stats__country__status": "string",
        "card_stats__seen": "timestamp[us, tz=UTC]",
        "card_stats__seen__status": "string",
        "card_stats__event_ts": "timestamp[us, tz=UTC]",
    }
    assert table["card_stats__amount__status"].to_pylist() == ["present", "missing"]
    assert table["card_stats__event_ts"].to_pylist() == [T, None]


def test_names_without_the_view_unless_they_collide(room: Room) -> None:
    assert room.get(CARDS[:2], [{"card_id": "c1"}], full_feature_names=False).names == ("amount", "count")
    with pytest.raises(InvalidInput, match=r"card_stats and pair_stats both have a feature 'count'"):
        room.get(["card_stats:count", "pair_stats:count"], [{}], full_feature_names=False)


def test_a_stored_value_of_another_type_than_the_catalog_has_is_named(room: Room) -> None:
    room.online.restore("br", "card_stats", [FeatureRow("c1", T, T, {"amount": "much"})])
    with pytest.raises(Unavailable, match=r"'card_stats__amount' are not float64"):
        room.get(CARDS[:1], [{"card_id": "c1"}]).to_arrow()


@pytest.mark.parametrize(
    ("features", "rows", "error", "said"),
    [
        ("fraud_v2", [{}], NotFound, r"'fraud_v2'.*did you mean 'fraud_v1'"),
        (["card_stat:amount"], [{}], NotFound, r"'card_stat'.*did you mean 'card_stats'"),
        (["card_stats:amuont"], [{}], NotFound, r"'amuont'.*did you mean 'amount'"),
        (["amount"], [{}], InvalidInput, r"view:feature"),
        ([], [{}], InvalidInput, r"no features"),
        (CARDS, [], InvalidInput, r"entity_rows is empty"),
        (CARDS, pa.table({"card_id": pa.array([], pa.string())}), InvalidInput, r"entity_rows is empty"),
        (CARDS, [{"card_id": "c1"}, {"cardid": "c2"}], InvalidInput, r"row 2 has no 'card_id'.*'cardid' meant"),
        (CARDS, {"device_id": ["d"]}, InvalidInput, r"no column 'card_id'"),
        (CARDS, [{"card_id": "c1"}, {"card_id": None}], InvalidInput, r"row 2, 'card_id' is null"),
        (CARDS, [{"card_id": float("nan")}], InvalidInput, r"row 1, 'card_id' is nan, a float"),
        (CARDS, [{"card_id": ["c1"]}], InvalidInput, r"row 1, 'card_id' is \['c1'\], a list"),
        (SERVICE, {"card_id": ["c1", "c2"], "merchant_id": ["m"]}, InvalidInput, r"card_id 2, merchant_id 1"),
        (CARDS, {"card_id": ["c1"] * (retrieval.MAX_ROWS + 1)}, TooLarge, r"5001 entity rows.*at most 5000"),
    ],
)
def test_what_cannot_be_answered_is_named(room: Room, features: Any, rows: Any, error: Any, said: str) -> None:
    with pytest.raises(error, match=said):
        room.get(features, rows)


def test_too_many_values_say_how_many_rows_would_do(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retrieval, "MAX_VALUES", 100)
    with pytest.raises(TooLarge, match="at most 25 rows"):
        room.get(CARDS, {"card_id": ["c1"] * 26})


def test_an_unknown_tenant_is_named_to_those_who_may_see_all(room: Room) -> None:
    with pytest.raises(NotFound, match=r"'cl'.*ar, br"):
        room.get(CARDS, [{"card_id": "c1"}], "cl", somebody("*"))


def test_reading_across_tenants_is_refused_and_audited(room: Room) -> None:
    with pytest.raises(Forbidden, match=r"human:analyst may not read features of tenant 'ar'.*granted: br"):
        room.get(CARDS, [{"card_id": "c1"}], "ar")
    record = room.audit.records[-1]
    assert (record.action, record.actor, record.subject, record.tenant) == (
        "read.refused",
        "human:analyst",
        "tenant:ar",
        "ar",
    )
    assert record.payload == {"features": ", ".join(CARDS)}


def test_a_refusal_comes_before_everything_that_could_tell_something(room: Room) -> None:
    for features, tenant in (("no_such_service", "ar"), (CARDS, "no such tenant\0"), ("Ä?", "x" * 500)):
        with pytest.raises(Forbidden):
            room.get(features, [{"card_id": "c1"}], tenant)
    assert len(room.audit.records) == 3


def test_what_cannot_be_audited_is_refused_all_the_same(room: Room) -> None:
    room.audit.down = True
    with pytest.raises(Unavailable):
        room.get(CARDS, [{"card_id": "c1"}], "ar")


def test_without_a_guard_nobody_reads(room: Room) -> None:
    open_house = OnlineRetriever(online_catalog(), room.online, room.clock)
    with pytest.raises(Forbidden):
        open_house.get_online_features(CARDS, [{"card_id": "c1"}], "br", somebody("*"))


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    granted=st.sets(st.sampled_from(["br", "ar", "*", "b", "br ", "BR", ""])),
    tenant=st.sampled_from(["br", "ar", "b", "br ", "BR", "", "*", "br:card_stats"]),
    features=st.sampled_from([CARDS, SERVICE, "card_stats:amount"]),
)
def test_nobody_reads_what_their_grant_does_not_cover(
    room: Room, granted: set[str], tenant: str, features: Any
) -> None:
    before = len(room.audit.records)
    rows = [{"card_id": "c1", "merchant_id": "m|1"}]
    if tenant in granted or "*" in granted:
        try:
            answer = room.get(features, rows, tenant, somebody(*granted))
        except NotFound:
            assert tenant not in {"br", "ar"}
        else:
            found = set(answer.statuses["card_stats__amount"])
            assert found == ({"present"} if tenant == "br" else {"missing"})
        assert len(room.audit.records) == before
    else:
        with pytest.raises(Forbidden):
            room.get(features, rows, tenant, somebody(*granted))
        assert len(room.audit.records) == before + 1


def test_latency_is_measured_by_view_against_its_promise(room: Room) -> None:
    for _ in range(3):
        room.get(SERVICE, [{"card_id": "c1", "merchant_id": "m"}])
    room.get(CARDS, [{"card_id": "c1"}])
    room.retriever.features(SERVICE, "br", {"card": "c1", "card_id": "c1", "merchant_id": "m|1"})
    with pytest.raises(Forbidden):
        room.get(CARDS, [{"card_id": "c1"}], "ar")
    sample = room.retriever.metrics.registry.get_sample_value
    seconds = "vigia_online_features_seconds_count"
    assert sample(seconds, {"view": "card_stats", "service": SERVICE}) == 4
    assert sample(seconds, {"view": "card_stats", "service": "-"}) == 1
    assert sample("vigia_online_features_latency_sla_seconds", {"view": "card_stats"}) == 0.02
    assert sample("vigia_online_features_latency_sla_burned_total", {"view": "pair_stats"}) == 4
    assert sample("vigia_online_features_refused_total", {"code": "forbidden"}) == 1
    assert b'le="0.001"' in generate_latest(room.retriever.metrics.registry)


def test_scoring_reads_a_composite_key_by_its_parts(room: Room) -> None:
    answer = room.retriever.features(SERVICE, "br", {"card": "c1", "card_id": "c1", "merchant_id": "m|1"})
    assert answer.values == {"pair_stats__trusted": True, "card_stats__amount": 1.5, "pair_stats__count": 7}
    with pytest.raises(InvalidInput, match="pair"):
        room.retriever.features(SERVICE, "br", {"card": "c1"})
