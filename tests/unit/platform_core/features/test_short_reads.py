"""The short ways of reading (one row, many rows of one layout, JSON) say what the long way says."""

from __future__ import annotations

import json
import struct
from datetime import timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from foundation.clock import FixedClock
from foundation.errors import Unavailable
from platform_core.access.tenancy import TenantGuard
from platform_core.catalog.specs import Catalog, DataSource, Entity, Feature, FeatureView
from platform_core.features.online.batch import RowBatch
from platform_core.features.online.layout import Layout
from platform_core.features.online.rows import FeatureRow
from platform_core.features.online.sqlite import SqliteOnlineStore
from platform_core.features.retrieval import OnlineRetriever
from tests.fakes.audit_log import FakeAuditLog
from tests.fakes.online_catalog import ANALYST, T

HOUR = timedelta(hours=1)


def view(name: str, *features: Feature) -> FeatureView:
    return FeatureView(
        name=name, entity="card", sources=("p",), features=features, ttl=24 * HOUR, freshness_sla=HOUR,
        owner="", channel="", description="",
    )  # fmt: skip


CATALOG = Catalog(
    entities=(Entity(name="card", join_keys=("card_id",), description=""),),
    sources=(DataSource(name="p", tenant="br", table="p", columns=(), owner=""),),
    feature_views=(
        view("floats", Feature(name="a"), Feature(name="b"), Feature(name="late")),
        view("mixed", Feature(name="n", dtype="int64"), Feature(name="ok", dtype="bool")),
    ),
    feature_services=(),
)
FLOATS, MIXED = ["floats:b", "floats:a"], ["mixed:ok", "floats:a", "mixed:n"]

cells = st.none() | st.sampled_from([0.0, -1.5, 2.25])
cards = st.dictionaries(
    st.sampled_from([f"c{n}" for n in range(30)]),
    st.tuples(cells, cells, st.booleans(), st.none() | st.integers(-3, 3), st.sampled_from([0, 1, 24, 25])),
    max_size=30,
)


@settings(max_examples=25, deadline=None)
@given(stored=cards, asked=st.lists(st.sampled_from([f"c{n}" for n in range(32)]), min_size=1, max_size=30))
@pytest.mark.parametrize("features", [FLOATS, MIXED, ["floats:late"]])
def test_one_row_is_that_row_of_many(tmp_path_factory: Any, features: list[str], stored: Any, asked: Any) -> None:
    clock = FixedClock(T)
    online = SqliteOnlineStore(tmp_path_factory.mktemp("s") / "online.db", clock=clock)
    floats, mixed = list[FeatureRow](), list[FeatureRow]()
    for key, (a, b, ok, n, hours) in stored.items():
        at = T - hours * HOUR
        floats.append(FeatureRow(key, at, at, {"a": a, "b": b}))
        mixed.append(FeatureRow(key, at, at, {"n": n, "ok": ok}))
    online.write("br", "floats", floats)
    online.write("br", "mixed", mixed)
    retriever = OnlineRetriever(CATALOG, online, clock, guard=TenantGuard(FakeAuditLog(clock)))
    many = retriever.get_online_features(features, {"card_id": asked}, "br", ANALYST)
    assert orjson.loads(many.to_json()) == json.loads(orjson.dumps(many.to_document(), option=orjson.OPT_UTC_Z))
    for place, key in enumerate(asked):
        one = retriever.get_online_features(features, [{"card_id": key}], "br", ANALYST)
        assert (one.values, one.statuses) == (
            {name: [column[place]] for name, column in many.values.items()},
            {name: [column[place]] for name, column in many.statuses.items()},
        )
        assert one.event_times == {name: [times[place]] for name, times in many.event_times.items()}
        assert one.entities == {"card_id": [key]}


def test_bytes_of_no_row_are_an_error_however_many_are_read(tmp_path: Path) -> None:
    layout = Layout([("a", "float64")])
    row = layout.pack(FeatureRow("c", T, T, {"a": 1.0})).blob

    def layouts(reference: bytes) -> Layout:
        if reference != layout.id:
            raise Unavailable("no such layout")
        return layout

    for broken in (row[:-1], row[:20], b"", struct.pack("<qq8s", 1, 1, b"\x09")):
        for count in (1, 2, 40):
            with pytest.raises(Unavailable):
                RowBatch([*[row] * (count - 1), broken], layouts, None).columns(("a",))
    with pytest.raises(Unavailable):
        RowBatch([row[:20]], layouts, None).first(("a",))
    assert RowBatch([row], layouts, None).first(("a",)) == (1.0,)
    assert RowBatch([row], layouts, None).first(("other",)) is None
