"""Versions of the catalog: planned, applied once, audited with them."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.exc import DBAPIError

from audit.entry import AuditEntry, AuditRecord
from audit.port import AuditLog
from foundation.clock import FixedClock
from foundation.database import reading, transaction
from foundation.errors import Conflict, InvalidInput, NotFound, Unavailable
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
    assert [(c.name, [f.field for f in c.fields], c.readers) for c in plan.changes] == [
        ("card", ["description"], ("feature_view:card_velocity", "feature_service:fraud_v1")),
        ("card_velocity", ["aggregations[amount_sum_1h]", "owner"], ("feature_service:fraud_v1",)),
    ]
    owner = plan.changes[1].fields[1]
    assert (owner.before, owner.after) == ("risk", "growth")
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


def test_a_plan_on_an_older_version_is_not_applied(store: CatalogStore, catalog: Catalog, audit: Audit) -> None:
    store.apply(catalog, "human:alice", base=0)
    renamed = catalog.feature_views[0].model_copy(update={"owner": "growth"})
    planned = store.plan(first := catalog.model_copy(update={"feature_views": (renamed,)}))
    second = catalog.model_copy(update={"feature_services": ()})
    store.apply(second, "human:bob")
    with pytest.raises(Conflict, match="at version 2, this was planned on 1"):
        store.apply(first, "human:alice", base=planned.base_version)
    assert (store.version(), len(audit.records)) == (2, 2)
    with pytest.raises(Conflict, match=r"digest .*reviewed was"):
        store.apply(first, "human:alice", base=2, reviewed=store.plan(second).digest)
    assert store.apply(first, "human:alice", base=2, reviewed=planned.digest).changes


def test_only_one_of_many_at_once_is_applied(store: CatalogStore, catalog: Catalog, audit: Audit) -> None:
    """All planned on version 1; whoever comes second is told."""
    store.apply(catalog, "human:alice")
    view = catalog.feature_views[0]
    wanted = [
        catalog.model_copy(update={"feature_views": (view.model_copy(update={"owner": f"o{n}"}),)}) for n in range(8)
    ]

    def attempt(one: Catalog) -> bool:
        try:
            return bool(store.apply(one, "human:bob", base=1).changes)
        except Conflict:
            return False

    with ThreadPoolExecutor(8) as pool:
        done = list(pool.map(attempt, wanted))
    assert done.count(True) == 1
    assert store.current() == wanted[done.index(True)]
    assert (store.version(), len(audit.records)) == (2, 2)


def test_environments_have_catalogs_of_their_own(
    store: CatalogStore, catalog: Catalog, engine: Engine, clock: FixedClock, audit: Audit
) -> None:
    staging = CatalogStore(engine, clock, audit, environment="staging")
    service = catalog.feature_services[0].model_copy(update={"environments": ("staging",)})
    mixed = catalog.model_copy(update={"feature_services": (service,)})
    store.apply(mixed, "human:alice")
    assert store.current().feature_services == ()
    assert staging.version() == 0
    assert [c.name for c in staging.apply(mixed, "human:alice").changes][-1] == "fraud_v1"
    assert staging.current() == mixed
    assert [r.subject for r in audit.records] == ["catalog:production:1", "catalog:staging:1"]


def test_the_database_refuses_to_rewrite_a_version(store: CatalogStore, catalog: Catalog, engine: Engine) -> None:
    store.apply(catalog, "human:alice")
    for statement in ("UPDATE catalog_versions SET actor = 'x'", "DELETE FROM catalog_versions"):
        with pytest.raises(DBAPIError, match="append-only"), transaction(engine) as connection:
            connection.execute(sa.text(statement))
