"""A catalog that would break a model in production is refused, with the model's name."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.engine import Engine

from foundation.clock import FixedClock
from foundation.errors import Conflict
from platform_core.catalog.contract import ModelReader, refusals
from platform_core.catalog.loading import load_catalog
from platform_core.catalog.specs import Catalog
from platform_core.catalog.store import CatalogStore
from platform_core.operations.resources import Resource, ResourceReader, RolloutSpec
from tests.fakes.audit_log import FakeAuditLog

CATALOG = """\
entities:
  - {name: card, join_key: card_id, description: a card}
x-columns: &columns
  - {name: event_ts, dtype: timestamp, description: time}
  - {name: ingested_at, dtype: timestamp, description: time}
  - {name: card_id, dtype: string, description: card}
  - {name: amount, dtype: float64, description: amount}
  - {name: country, dtype: string, description: country}
sources:
  - {name: payments_br, tenant: br, table: payments_br, owner: risk, columns: *columns}
  - {name: payments_mx, tenant: mx, table: payments_mx, owner: risk, columns: *columns}
feature_views:
  - name: card_velocity
    entity: card
    sources: [payments_br, payments_mx]
    ttl: 24h
    freshness_sla: 10m
    owner: risk
    channel: "#risk"
    description: velocity
    aggregations:
      - {name: spent, function: sum, column: amount, window: 1h}
      - {name: seen, function: count, column: amount, window: 1h}
  - name: card_country
    entity: card
    sources: [payments_br, payments_mx]
    ttl: 24h
    freshness_sla: 10m
    owner: risk
    channel: "#risk"
    description: where
    schema: [{name: country, dtype: string}]
feature_services:
  - name: fraud_v1
    owner: risk
    description: fraud
    features: ["card_velocity:spent", "card_velocity:seen", "card_country:country"]
    request_fields: [{name: amount, dtype: float64, description: amount}]
"""
READER = ModelReader(
    model="fraud_score",
    version="3",
    endpoint="urn:vigia:endpoint:fraud-br",
    tenant="br",
    feature_service="fraud_v1",
    features=("card_velocity:spent", "card_country:country"),
    request_fields=("amount",),
)


def edited(directory: Path, *edits: tuple[str, str]) -> Catalog:
    text = CATALOG
    for old, new in edits:
        assert old in text
        text = text.replace(old, new)
    (directory / "catalog.yaml").write_text(text)
    return load_catalog(directory)


SPENT = "      - {name: spent, function: sum, column: amount, window: 1h}\n"


@pytest.mark.parametrize(
    ("edits", "broken"),
    [
        ([("owner: risk", "owner: growth"), ("freshness_sla: 10m", "freshness_sla: 1h")], []),
        ([("[{name: country, dtype: string}]", "[{name: country, dtype: string, pii: quasi}]")], []),
        ([("      - {name: seen, function: count, column: amount, window: 1h}\n", ""),
          ('"card_velocity:seen", ', "")], []),
        ([(SPENT, SPENT + "      - {name: more, function: max, column: amount, window: 1h}\n")], []),
        ([(SPENT, ""), ('"card_velocity:spent", ', "")],
         ["takes card_velocity:spent out of feature service fraud_v1", "removes card_velocity:spent"]),
        ([('"card_velocity:spent", ', "")], ["takes card_velocity:spent out of feature service fraud_v1"]),
        ([(SPENT, SPENT.replace("1h", "2h"))], ["changes card_velocity:spent: window 1h -> 2h"]),
        ([(SPENT, SPENT.replace("1h}", "1h, filter: amount > 0}"))],
         ["changes card_velocity:spent: filter none -> amount > 0"]),
        ([(SPENT, SPENT.replace("sum", "mean"))], ["changes card_velocity:spent: function sum -> mean"]),
        ([("{name: amount, dtype: float64, description: amount}\n", "{name: amount, dtype: int64, description: a}\n")],
         ["changes card_velocity:spent: br's amount float64 -> int64"]),
        ([("{name: country, dtype: string", "{name: country, dtype: int64")],
         ["changes card_country:country: dtype string -> int64",
          "changes card_country:country: br's country string -> int64"]),
        ([("    ttl: 24h\n    freshness_sla: 10m\n    owner: risk\n    channel: \"#risk\"\n    description: velocity",
           "    ttl: 1s\n    freshness_sla: 10m\n    owner: risk\n    channel: \"#risk\"\n    description: velocity")],
         ["changes card_velocity:spent: ttl 24h -> 1s"]),
        ([("table: payments_br,", "table: payments_bra, path: data/elsewhere, event_timestamp: ingested_at, "
           "created_timestamp: event_ts,")],
         [f"changes {feature}: br's {aspect}" for feature in ("card_velocity:spent", "card_country:country")
          for aspect in ("source table payments_br -> payments_bra", "source path none -> data/elsewhere",
                         "event timestamp event_ts -> ingested_at", "created timestamp ingested_at -> event_ts")]),
        ([("table: payments_mx,", "table: payments_mex,")], []),
        ([("join_key: card_id", "join_key: country")],
         ["changes card_velocity:spent: join keys card_id -> country",
          "changes card_velocity:spent: br's card_id string -> none",
          "changes card_country:country: join keys card_id -> country",
          "changes card_country:country: br's card_id string -> none"]),
        ([("sources: [payments_br, payments_mx]", "sources: [payments_br]")], []),
        ([("sources: [payments_br, payments_mx]", "sources: [payments_mx]")],
         ["removes card_velocity:spent", "removes card_country:country"]),
        ([("{name: amount, dtype: float64, description: amount}]", "{name: amount, dtype: int64, description: a}]")],
         ["changes request field amount of fraud_v1: dtype float64 -> int64"]),
        ([("request_fields: [{name: amount, dtype: float64, description: amount}]", "request_fields: []")],
         ["takes request field amount out of feature service fraud_v1"]),
        ([("name: fraud_v1", "name: fraud_v2")], ["removes feature service fraud_v1"]),
    ],
)  # fmt: skip
def test_what_a_production_model_reads_keeps_its_meaning(
    tmp_path: Path, edits: list[tuple[str, str]], broken: list[str]
) -> None:
    before, after = edited(tmp_path), edited(tmp_path, *edits)
    assert [r.what for r in refusals(before, after, [READER])] == broken
    assert all(
        r.reader == "fraud_score version 3 (urn:vigia:endpoint:fraud-br)" for r in refusals(before, after, [READER])
    )


def test_a_reader_that_the_registry_does_not_know_reads_its_whole_service(tmp_path: Path) -> None:
    before = edited(tmp_path)
    after = edited(tmp_path, ('"card_velocity:seen", ', ""), ("request_fields: [{", "request_fields: []\nx-old: [{"))
    unknown = READER.model_copy(update={"features": None})
    assert [r.what for r in refusals(before, after, [unknown])] == [
        "takes card_velocity:seen out of feature service fraud_v1",
        "takes request field amount out of feature service fraud_v1",
    ]


class Control(ResourceReader):
    """A control plane with one endpoint."""

    def __init__(self, resource: Resource) -> None:
        self.resource = resource

    def get(self, urn: str) -> Resource:
        return self.resource

    def list(self, *, kind: str | None = None, tenant: str | None = None) -> list[Resource]:
        return [self.resource]


@pytest.fixture
def endpoint(clock: FixedClock) -> Resource:
    rollout = RolloutSpec(model="fraud_score", champion="3", feature_service="fraud_v1")
    return Resource(
        urn="urn:vigia:endpoint:fraud-br", tenant="br", environment="production", spec=rollout, revision=1,
        updated_at=clock.now(),
    )  # fmt: skip


def test_apply_refuses_it_and_names_the_readers(
    engine: Engine, clock: FixedClock, tmp_path: Path, endpoint: Resource
) -> None:
    audit = FakeAuditLog(clock)
    readers: list[ModelReader] = [READER]
    store = CatalogStore(engine, clock, audit, resources=Control(endpoint), readers=lambda: readers)
    store.apply(edited(tmp_path), "human:alice")
    after = edited(tmp_path, (SPENT, ""), ('"card_velocity:spent", ', ""))
    plan = store.plan(after)
    (view, service) = plan.changes
    assert view.readers == ("feature_service:fraud_v1", "model:fraud_score", "endpoint:fraud-br")
    assert (service.name, service.readers) == ("fraud_v1", ("model:fraud_score", "endpoint:fraud-br"))
    with pytest.raises(Conflict, match=r"removes card_velocity:spent: read by fraud_score version 3 \(urn:vigia:end"):
        store.apply(after, "human:alice")
    assert (store.version(), len(audit.records)) == (1, 1)
    readers.clear()  # the model was taken out of production
    assert store.apply(after, "human:alice").changes
    assert store.version() == 2


def test_a_source_names_the_endpoints_of_its_own_tenant_only(
    engine: Engine, clock: FixedClock, tmp_path: Path, endpoint: Resource
) -> None:
    store = CatalogStore(engine, clock, FakeAuditLog(clock), resources=Control(endpoint))
    store.apply(edited(tmp_path), "human:alice")
    moved: Any = [("table: payments_mx", "table: payments_mex"), ("table: payments_br", "table: payments_bra")]
    br, mx = store.plan(edited(tmp_path, *moved)).changes
    assert (br.name, br.readers[-1]) == ("payments_br", "endpoint:fraud-br")
    assert (mx.name, mx.readers[-1]) == ("payments_mx", "model:fraud_score")
