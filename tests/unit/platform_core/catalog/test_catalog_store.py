"""Versions of the catalog: planned, applied once, audited with them."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from audit.entry import AuditEntry, AuditRecord
from audit.port import AuditLog
from foundation.clock import FixedClock
from foundation.database import reading
from foundation.errors import InvalidInput, NotFound, Unavailable
from platform_core.catalog.loading import load_catalog
from platform_core.catalog.specs import Catalog
from platform_core.catalog.store import CatalogStore
from platform_core.catalog.tables import catalog_versions


class Audit(AuditLog):
    def __init__(self) -> None:
        self.records: list[AuditRecord] = []
        self.down = False

    def append(self, record: AuditRecord, *, connection: Connection | None = None) -> AuditEntry:
        if self.down:
            raise Unavailable("the audit log is full")
        assert connection is not None
        assert connection.in_transaction()
        self.records.append(record)
        return AuditEntry.model_construct(record=record)


@pytest.fixture
def audit() -> Audit:
    return Audit()


@pytest.fixture
def store(engine: Engine, clock: FixedClock, audit: Audit) -> CatalogStore:
    return CatalogStore(engine, clock, audit)


@pytest.fixture
def catalog(tmp_path: Path) -> Catalog:
    (tmp_path / "catalog.yaml").write_text(
        """
entities:
  - {name: card, join_key: card_id, description: a card}
sources:
  - name: payments_br
    tenant: br
    table: payments_br
    deployment: ingest-br
    owner: risk
    columns:
      - {name: event_ts, dtype: timestamp, description: time}
      - {name: ingested_at, dtype: timestamp, description: time}
      - {name: card_id, dtype: string, description: card}
      - {name: amount, dtype: float64, description: amount}
feature_views:
  - name: card_velocity
    entity: card
    sources: [payments_br]
    ttl: 24h
    freshness_sla: 10m
    owner: risk
    channel: "#risk"
    description: velocity
    aggregations:
      - {name: amount_sum_1h, function: sum, column: amount, window: 1h}
feature_services:
  - {name: fraud_v1, features: ["card_velocity:amount_sum_1h"], request_fields: [], owner: risk, description: fraud}
"""
    )
    return load_catalog(tmp_path)


def test_the_first_apply_adds_everything(store: CatalogStore, catalog: Catalog, audit: Audit) -> None:
    with pytest.raises(NotFound, match="no catalog was applied"):
        store.current()
    plan = store.apply(catalog, "human:alice")
    assert [(c.change, c.kind, c.name) for c in plan.changes] == [
        ("added", "entity", "card"),
        ("added", "source", "payments_br"),
        ("added", "feature_view", "card_velocity"),
        ("added", "feature_service", "fraud_v1"),
    ]
    assert store.current() == catalog
    assert store.version() == 1
    (record,) = audit.records
    assert (record.action, record.actor, record.payload["version"]) == ("catalog.applied", "human:alice", 1)


def test_the_same_catalog_again_is_no_version(store: CatalogStore, catalog: Catalog, audit: Audit) -> None:
    store.apply(catalog, "human:alice")
    assert store.apply(catalog, "human:bob").changes == ()
    assert (store.version(), len(audit.records)) == (1, 1)


def test_a_plan_names_what_changed_and_who_reads_it(store: CatalogStore, catalog: Catalog) -> None:
    store.apply(catalog, "human:alice")
    view = catalog.feature_views[0]
    longer = view.aggregations[0].model_copy(update={"window": timedelta(hours=2)})
    changed = view.model_copy(update={"aggregations": (longer,), "owner": "growth"})
    entity = catalog.entities[0].model_copy(update={"description": "a payment card"})
    plan = store.plan(catalog.model_copy(update={"feature_views": (changed,), "entities": (entity,)}))
    assert plan.base_version == 1
    assert [(c.name, c.fields, c.readers) for c in plan.changes] == [
        ("card", ("description",), ("feature_view:card_velocity", "feature_service:fraud_v1")),
        ("card_velocity", ("aggregations[amount_sum_1h]", "owner"), ("feature_service:fraud_v1",)),
    ]
    assert store.version() == 1


def test_a_removal_names_those_who_read_it_still(store: CatalogStore, catalog: Catalog) -> None:
    store.apply(catalog, "human:alice")
    plan = store.plan(catalog.model_copy(update={"feature_services": ()}))
    assert [(c.change, c.name) for c in plan.changes] == [("removed", "fraud_v1")]
    with pytest.raises(InvalidInput, match="unknown feature"):
        store.plan(catalog.model_copy(update={"feature_views": ()}))


def test_without_its_audit_entry_nothing_is_applied(
    store: CatalogStore, catalog: Catalog, audit: Audit, engine: Engine
) -> None:
    audit.down = True
    with pytest.raises(Unavailable):
        store.apply(catalog, "human:alice")
    with reading(engine) as connection:
        assert connection.execute(sa.select(sa.func.count()).select_from(catalog_versions)).scalar_one() == 0
