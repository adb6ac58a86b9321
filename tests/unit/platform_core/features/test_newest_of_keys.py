"""Which of several rows of one key is written online: one rule, that of the point-in-time join."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import permutations
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from foundation.clock import FixedClock
from platform_core.catalog.specs import Catalog, Entity, Feature, FeatureView
from platform_core.features.feature_rows import offline_table
from platform_core.features.historical import get_historical_features
from platform_core.features.offline.delta import DeltaOfflineStore
from platform_core.features.online.rows import FeatureRow, sound_rows
from platform_core.features.online.sqlite import SqliteOnlineStore
from platform_core.features.online.table_rows import TableRows

T = datetime(2026, 11, 19, 8, 0, tzinfo=UTC)
US = timedelta(microseconds=1)

rows = st.lists(
    st.builds(
        lambda key, event, created, a, b: FeatureRow(key, T + event * US, T + created * US, {"a": a, "b": b}),
        st.sampled_from("xyz"),
        st.integers(0, 2),
        st.integers(0, 2),
        st.none() | st.sampled_from([1.0, 2.0]),
        st.none() | st.sampled_from([1.0, 2.0]),
    ),
    max_size=12,
)


def table(given: list[FeatureRow]) -> pa.Table:
    stamp = pa.timestamp("us", "UTC")
    return pa.table(
        {
            "key": pa.array([row.key for row in given], pa.string()),
            "event_ts": pa.array([row.event_ts for row in given], stamp),
            "created_ts": pa.array([row.created_ts for row in given], stamp),
            # Not in the order of their names: the rule goes by names.
            "b": pa.array([row.values["b"] for row in given], pa.float64()),
            "a": pa.array([row.values["a"] for row in given], pa.float64()),
        }
    )


def obvious(given: list[FeatureRow]) -> dict[str, FeatureRow]:
    def order(row: FeatureRow) -> tuple[Any, ...]:
        values = [(value is not None, value or 0) for _, value in sorted(row.values.items())]
        return row.event_ts, row.created_ts, values

    return {key: max((r for r in given if r.key == key), key=order) for key in {r.key for r in given}}


@settings(max_examples=150, deadline=None)
@given(given=rows)
def test_rows_and_tables_are_settled_alike(given: list[FeatureRow]) -> None:
    sound, beyond = sound_rows(given, T + US)
    kept = [row for row in given if row.event_ts <= T + US]
    assert {row.key: row for row in sound} == obvious(kept)
    assert len(sound) == len({row.key for row in sound})
    assert beyond == [row for row in given if row.event_ts > T + US]
    from_table, far = TableRows(table(given)).sound(T + US)
    assert {row.key: row for row in from_table.feature_rows()} == obvious(kept)
    assert len(far) == len(beyond)


def test_online_and_the_join_settle_a_tie_alike_whatever_the_order(tmp_path: Path) -> None:
    view = FeatureView(
        name="v", entity="card", sources=(), features=(Feature(name="b"), Feature(name="a")), ttl=timedelta(days=1),
        freshness_sla=timedelta(hours=1), owner="", channel="", description="",
    )  # fmt: skip
    catalog = Catalog(
        entities=(Entity(name="card", join_keys=("card_id",), description=""),),
        sources=(), feature_views=(view,), feature_services=(),
    )  # fmt: skip
    tied = [{"a": 1.0, "b": 9.0}, {"a": 2.0, "b": None}, {"a": None, "b": 99.0}]
    asked = pa.table({"card_id": ["x"], "event_timestamp": pa.array([T], pa.timestamp("us", "UTC"))})
    for number, order in enumerate(permutations(tied)):
        written = table([FeatureRow("x", T, T, values) for values in order])
        online = SqliteOnlineStore(tmp_path / f"{number}.db", clock=FixedClock(T))
        offline = DeltaOfflineStore(tmp_path / str(number))
        online.write_table("br", "v", written)
        offline.append(offline_table("v"), written.append_column("tenant", pa.array(["br"] * 3)))
        (row,) = online.read("br", [("v", "x")], now=T, ttls={})
        past = get_historical_features(offline, catalog, ["v:a", "v:b"], asked, tenant="br").to_pylist()[0]
        assert dict(row.values) == {"a": past["v__a"], "b": past["v__b"]} == {"a": 2.0, "b": None}


@pytest.mark.parametrize("numeric", [True, False])
def test_a_table_is_restored_over_newer_rows(tmp_path: Path, numeric: bool) -> None:
    online = SqliteOnlineStore(tmp_path / "online.db", clock=FixedClock(T))
    newer = table([FeatureRow("x", T, T, {"a": 9.0, "b": 9.0})])
    older = table([FeatureRow("x", T - US, T, {"a": 1.0, "b": None})])
    if not numeric:
        newer, older = (t.append_column("c", pa.array(["text"])) for t in (newer, older))
    online.write_table("br", "v", newer)
    assert online.write_table("br", "v", older) == 0
    assert online.restore_table("br", "v", older) == 1
    assert online.newest_event("br", "v") == T - US
