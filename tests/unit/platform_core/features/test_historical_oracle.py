"""The point-in-time join against an oracle that is too simple to be wrong."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from foundation.errors import InvalidInput, NotFound
from platform_core.catalog.specs import Catalog
from platform_core.features.historical import get_historical_features
from platform_core.features.offline.port import OfflineStore

T0 = datetime(2026, 11, 19, tzinfo=UTC)
TTL_HOURS = 24
TIMESTAMP = pa.timestamp("us", "UTC")


class Tables(OfflineStore):
    def __init__(self, **tables: pa.Table) -> None:
        self._tables = tables

    def read(
        self,
        table: str,
        *,
        start: datetime | None = None,
        end: datetime | None = None,
        columns: list[str] | None = None,
        time_column: str = "event_ts",
    ) -> pa.Table:
        rows = self._tables[table]
        times = rows[time_column].to_pylist()
        keep = [(start is None or start <= t) and (end is None or t < end) for t in times]
        return rows.filter(pa.array(keep, pa.bool_())).select(columns or rows.column_names)

    def schema(self, table: str) -> pa.Schema:
        return self._tables[table].schema


@dataclass(frozen=True)
class Row:
    tenant: str
    key: str
    hour: float
    created: int
    value: float | None


def tables(rows: list[Row]) -> Tables:
    cards = pa.table(
        {
            "tenant": pa.array([r.tenant for r in rows], pa.string()),
            "key": pa.array([r.key for r in rows], pa.string()),
            "event_ts": pa.array([T0 + timedelta(hours=r.hour) for r in rows], TIMESTAMP),
            "created_ts": pa.array([T0 + timedelta(hours=r.created) for r in rows], TIMESTAMP),
            "tx_count_1h": pa.array([r.value for r in rows], pa.float64()),
            "amount_mean_24h": pa.array([None if r.value is None else -r.value for r in rows], pa.float64()),
        }
    )
    devices = cards.select(["tenant", "key", "event_ts", "created_ts"]).slice(0, 0)
    devices = devices.append_column("cards_24h", pa.array([], pa.float64()))
    return Tables(features_card_velocity=cards, features_device_risk=devices)


def ask(rows: list[Row], asked: list[tuple[str, str | None, float]], catalog: Catalog) -> pa.Table:
    entity_rows = pa.table(
        {
            "tenant": pa.array([tenant for tenant, _, _ in asked], pa.string()),
            "card_id": pa.array([key for _, key, _ in asked], pa.string()),
            "device_id": pa.array(["d"] * len(asked), pa.string()),
            "event_timestamp": pa.array([T0 + timedelta(hours=hour) for _, _, hour in asked], TIMESTAMP),
            "position": pa.array(range(len(asked)), pa.int64()),
        }
    )
    return get_historical_features(tables(rows), catalog, "fraud_v1", entity_rows)


def oracle(rows: list[Row], tenant: str, key: str | None, hour: float) -> float | None:
    visible = [r for r in rows if (r.tenant, r.key) == (tenant, key) and hour - TTL_HOURS <= r.hour <= hour]
    return max(visible, key=lambda r: (r.hour, r.created)).value if visible else None


tenants, keys = st.sampled_from(["br", "mx"]), st.sampled_from(["c1", "c2"])
hours = st.integers(0, 60).map(lambda half: half / 2)
feature_rows = st.lists(
    st.builds(Row, tenants, keys, hours, st.integers(0, 99), st.none() | st.integers(0, 999).map(float)),
    max_size=30,
    unique_by=lambda r: (r.tenant, r.key, r.hour, r.created),
)


@settings(max_examples=150, deadline=None)
@given(rows=feature_rows, asked=st.lists(st.tuples(tenants, st.none() | keys, hours), max_size=20))
def test_equals_the_oracle(rows: list[Row], asked: list[tuple[str, str | None, float]]) -> None:
    answer = ask(rows, asked, _catalog())
    expected = [oracle(rows, *question) for question in asked]
    assert answer["card_velocity__tx_count_1h"].to_pylist() == expected
    assert answer["card_velocity__amount_mean_24h"].to_pylist() == [None if v is None else -v for v in expected]
    assert answer["position"].to_pylist() == list(range(len(asked)))
    assert answer["device_risk__cards_24h"].null_count == len(asked)


def test_duplicate_questions_are_answered_twice(catalog: Catalog) -> None:
    answer = ask([Row("br", "c1", 1, 0, 7.0)], [("br", "c1", 2), ("br", "c1", 2)], catalog)
    assert answer["card_velocity__tx_count_1h"].to_pylist() == [7.0, 7.0]


def test_the_far_end_of_the_ttl_is_visible(catalog: Catalog) -> None:
    answer = ask([Row("br", "c1", 0, 0, 7.0)], [("br", "c1", 24), ("br", "c1", 24.001)], catalog)
    assert answer["card_velocity__tx_count_1h"].to_pylist() == [7.0, None]


def test_bad_questions_say_what_is_wrong(catalog: Catalog) -> None:
    rows = pa.table(
        {"tenant": ["br"], "card_id": ["c"], "device_id": ["d"], "event_timestamp": [T0.replace(tzinfo=None)]}
    )
    with pytest.raises(InvalidInput, match="zone"):
        get_historical_features(tables([]), catalog, "fraud_v1", rows)
    with pytest.raises(InvalidInput, match="device_id"):
        get_historical_features(tables([]), catalog, "fraud_v1", rows.drop_columns(["device_id"]))
    with pytest.raises(NotFound, match="fraud_v9"):
        get_historical_features(tables([]), catalog, "fraud_v9", rows)


def _catalog() -> Catalog:
    from platform_core.catalog.specs import Aggregation, Entity, FeatureService, FeatureView

    def view(name: str, entity: str, *features: str) -> FeatureView:
        window = timedelta(hours=1)
        return FeatureView(
            name=name,
            entity=entity,
            sources=(),
            aggregations=tuple(Aggregation(name=f, function="count", column="x", window=window) for f in features),
            ttl=timedelta(hours=TTL_HOURS),
            freshness_sla=window,
            owner="o",
            channel="c",
            description="d",
        )

    return Catalog(
        entities=(
            Entity(name="card", join_key="card_id", description="c"),
            Entity(name="device", join_key="device_id", description="d"),
        ),
        sources=(),
        feature_views=(
            view("card_velocity", "card", "tx_count_1h", "amount_mean_24h"),
            view("device_risk", "device", "cards_24h"),
        ),
        feature_services=(
            FeatureService(
                name="fraud_v1",
                features=("card_velocity:tx_count_1h", "card_velocity:amount_mean_24h", "device_risk:cards_24h"),
                request_fields=(),
                owner="o",
                description="d",
            ),
        ),
    )


def test_a_late_correction_is_seen_also_for_moments_before_it_arrived(catalog: Catalog) -> None:
    """What the docstring says of event time: created at hour 9, it counts from hour 1 on."""
    late = [Row("br", "c1", 1.0, 1, 10.0), Row("br", "c1", 1.0, 9, 500.0)]
    values = ask(late, [("br", "c1", 2.0)], catalog)
    assert values["card_velocity__tx_count_1h"].to_pylist() == [500.0]
