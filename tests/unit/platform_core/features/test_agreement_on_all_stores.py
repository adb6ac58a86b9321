"""After late rows and corrections, what is read online is what a point-in-time join sees now: on each of the stores."""

from __future__ import annotations

import tempfile
import uuid
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from platform_core.access.principals import Principal
from platform_core.access.tenancy import TenantGuard
from platform_core.catalog.specs import Catalog
from platform_core.features.historical import get_historical_features
from platform_core.features.online.port import FeatureRow, OnlineRow, OnlineStore
from platform_core.features.retrieval import OnlineRetriever
from tests.fakes.audit_log import FakeAuditLog
from tests.fakes.online_stores import STORES, online_store

NOW = datetime.fromisoformat("2026-11-19T05:51:00+00:00")
MINUTE = timedelta(minutes=1)
CARDS, DEVICES = ["c0", "c1", "c2", "c9"], ["d0", "d1", "d1", "d9"]
ALL = Principal(id="service:test", name="", roles=frozenset(), tenants=frozenset({"*"}))

events = st.builds(
    lambda minutes, card, device, amount: {
        "id": uuid.uuid4().hex,
        "at": NOW - minutes * MINUTE,
        "card": f"c{card}",
        "device": f"d{device}",
        "amount": amount,
    },
    st.integers(0, 1600),
    st.integers(0, 2),
    st.integers(0, 1),
    st.none() | st.integers(1, 9).map(float),
)
deliveries = st.lists(st.lists(events, min_size=1, max_size=4), min_size=2, max_size=3)


class OwnTenants(OnlineStore):
    """A part of a store that is shared with other tests: the same tenants under another name."""

    def __init__(self, store: OnlineStore) -> None:
        self._store = store
        self._prefix = uuid.uuid4().hex[:8]

    def write(self, tenant: str, view: str, rows: Sequence[FeatureRow]) -> int:
        return self._store.write(self._prefix + tenant, view, rows)

    def write_table(self, tenant: str, view: str, rows: pa.Table) -> int:
        return self._store.write_table(self._prefix + tenant, view, rows)

    def restore(self, tenant: str, view: str, rows: Sequence[FeatureRow]) -> int:
        return self._store.restore(self._prefix + tenant, view, rows)

    def restore_table(self, tenant: str, view: str, rows: pa.Table) -> int:
        return self._store.restore_table(self._prefix + tenant, view, rows)

    def read(self, tenant: str, keys: Sequence[tuple[str, str]], **how: Any) -> list[OnlineRow]:
        return self._store.read(self._prefix + tenant, keys, **how)

    def read_views(self, tenant: str, wanted: Sequence[tuple[str, Sequence[str]]], **how: Any) -> Any:
        return self._store.read_views(self._prefix + tenant, wanted, **how)


@pytest.mark.parametrize("kind", STORES)
def test_online_is_offline_now(kind: str, make_platform: Any, catalog: Catalog, tmp_path: Path) -> None:
    @settings(max_examples=3, deadline=None)
    @given(batches=deliveries, twice=st.booleans())
    def agree(batches: list[list[dict[str, Any]]], twice: bool) -> None:
        with tempfile.TemporaryDirectory() as directory:
            platform = make_platform(Path(directory))
            platform.online = OwnTenants(store)
            platform.materializer = platform.restarted()
            for batch in batches + (batches[:1] if twice else []):  # what is delivered twice counts once
                platform.deliver(*batch)
                for view in ("card_velocity", "device_risk"):
                    assert platform.run(view).status == "succeeded"
            compare(platform, catalog)
            platform.clock.advance(timedelta(hours=23))
            compare(platform, catalog)

    with online_store(kind, tmp_path) as store:
        agree()


def compare(platform: Any, catalog: Catalog) -> None:
    guard = TenantGuard(FakeAuditLog(platform.clock))
    retriever = OnlineRetriever(catalog, platform.online, platform.clock, guard=guard)
    rows: Mapping[str, list[str]] = {"card_id": CARDS, "device_id": DEVICES}
    online = retriever.get_online_features("fraud_v1", rows, "br", ALL)
    now = pa.array([platform.clock.now()] * len(CARDS), pa.timestamp("us", "UTC"))
    asked = pa.table({**rows, "event_timestamp": now})
    offline = get_historical_features(platform.offline, catalog, "fraud_v1", asked, tenant="br", statuses=True)
    for name in online.names:
        assert online.values[name] == pytest.approx(offline[name].to_pylist())
        assert online.statuses[name] == offline[f"{name}__status"].to_pylist()
