"""One request's features: in the service's order, with what is degraded named."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from foundation.errors import InvalidInput, NotFound
from platform_core.catalog.specs import Catalog
from platform_core.features.online.port import FeatureRow
from platform_core.features.retrieval import OnlineRetriever

ENTITIES = {"card": "c1", "device": "d1"}


@pytest.fixture
def retriever(platform: Any, catalog: Catalog) -> OnlineRetriever:
    now = platform.clock.now()
    platform.online.write(
        "br",
        "card_velocity",
        [FeatureRow("c1", now, now, {"tx_count_1h": 2.0, "amount_sum_1h": 5.0, "amount_mean_24h": None})],
    )
    return OnlineRetriever(catalog, platform.online, platform.clock)


def test_present_values_and_missing_ones(retriever: OnlineRetriever) -> None:
    answer = retriever.features("fraud_v1", "br", ENTITIES)
    assert list(answer.values.items()) == [
        ("card_velocity__tx_count_1h", 2.0),
        ("card_velocity__amount_mean_24h", None),
        ("device_risk__cards_24h", None),
    ]
    assert answer.degraded == ["device_risk__cards_24h"]


def test_expired_values_are_hidden_and_named(retriever: OnlineRetriever, platform: Any) -> None:
    platform.clock.advance(timedelta(hours=25))
    answer = retriever.features("fraud_v1", "br", ENTITIES)
    assert set(answer.values.values()) == {None}
    assert len(answer.degraded) == 3


def test_another_tenant_sees_nothing(retriever: OnlineRetriever) -> None:
    assert len(retriever.features("fraud_v1", "mx", ENTITIES).degraded) == 3


def test_what_is_unknown_is_named(retriever: OnlineRetriever) -> None:
    with pytest.raises(NotFound, match=r"fraud_v2.*fraud_v1"):
        retriever.features("fraud_v2", "br", ENTITIES)
    with pytest.raises(NotFound, match=r"'cl'.*br, mx"):
        retriever.features("fraud_v1", "cl", ENTITIES)
    with pytest.raises(InvalidInput, match=r"'device'.*card, device"):
        retriever.features("fraud_v1", "br", {"card": "c1"})
