"""A catalog with every type of feature and a composite key, for those who read online."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from platform_core.access.principals import Principal
from platform_core.catalog.specs import Catalog, DataSource, Entity, Feature, FeatureService, FeatureView

T = datetime(2026, 11, 19, 5, 40, 0, 123456, tzinfo=UTC)
SERVICE = "fraud_v1"


def online_catalog() -> Catalog:
    return Catalog(
        entities=(
            Entity(name="card", join_keys=("card_id",), description=""),
            Entity(name="pair", join_keys=("card_id", "merchant_id"), description=""),
        ),
        sources=tuple(DataSource(name=f"p_{t}", tenant=t, table=f"p_{t}", columns=(), owner="") for t in ("br", "ar")),
        feature_views=(
            _view(
                "card_stats",
                "card",
                Feature(name="amount"),
                Feature(name="count", dtype="int64"),
                Feature(name="country", dtype="string"),
                Feature(name="seen", dtype="timestamp"),
                latency_sla=timedelta(milliseconds=20),
            ),
            _view(
                "pair_stats",
                "pair",
                Feature(name="trusted", dtype="bool"),
                Feature(name="count", dtype="int64"),
                latency_sla=timedelta(microseconds=1),
            ),
        ),
        feature_services=(
            FeatureService(
                name=SERVICE,
                features=("pair_stats:trusted", "card_stats:amount", "pair_stats:count"),
                owner="",
                description="",
            ),
        ),
    )


def somebody(*tenants: str) -> Principal:
    return Principal(id="human:analyst", name="Ana", roles=frozenset({"viewer"}), tenants=frozenset(tenants))


ANALYST = somebody("br")


def _view(name: str, entity: str, *features: Feature, latency_sla: timedelta) -> FeatureView:
    return FeatureView(
        name=name,
        entity=entity,
        sources=("p_br", "p_ar"),
        features=features,
        ttl=timedelta(hours=24),
        freshness_sla=timedelta(minutes=10),
        latency_sla=latency_sla,
        owner="",
        channel="",
        description="",
    )
