from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from sqlalchemy.engine import Engine

from foundation.clock import FixedClock
from foundation.database import transaction
from foundation.errors import Conflict, Forbidden, NotFound, Unavailable
from platform_core.operations.resources import RolloutSpec
from platform_core.operations.sql_resources import SqlResources
from platform_core.training.moves import move
from platform_core.training.pipeline import train_fraud_model
from platform_core.training.registry import ModelRegistry
from platform_core.training.types import TrainedModel
from tests.fakes.audit_log import FakeAuditLog
from tests.fakes.payments import END, SERVICE, START, features_of_the_row, small_catalog, small_history


@pytest.fixture(scope="module")
def trained() -> TrainedModel:
    return train_fraud_model(
        small_history(800),
        small_catalog(),
        SERVICE,
        historical=features_of_the_row,
        start=START,
        end=END,
        seed=3,
        trees=5,
    )


@pytest.fixture
def audit(clock: FixedClock) -> FakeAuditLog:
    return FakeAuditLog(clock)


@pytest.fixture
def registry(engine: Engine, clock: FixedClock, audit: FakeAuditLog, tmp_path: Path) -> ModelRegistry:
    return ModelRegistry(engine, clock, audit, tmp_path / "models")


def test_versions_are_numbered_and_audited(registry: ModelRegistry, trained: TrainedModel, audit: FakeAuditLog):
    first = registry.register(trained, "fraud_score", "service:training")
    second = registry.register(trained, "fraud_score", "service:training")
    assert (first.version, first.stage, second.version) == ("1", "dev", "2")
    assert registry.list("fraud_score") == [first, second]
    assert audit.actions() == ["model.registered", "model.registered"]
    assert audit.records[0].subject == "urn:vigia:model:fraud_score"
    assert set(audit.records[0].payload["files"]) == {"model.txt", "signature.json", "card.md"}


def test_a_loaded_model_scores_as_the_trained_one(registry: ModelRegistry, trained: TrainedModel):
    registry.register(trained, "fraud_score", "service:training")
    model = registry.load("fraud_score", "1")
    assert model.version.signature == trained.signature
    vector = model.vector({"amount": 400.0, "hour": 3.0, "is_online": 1.0, "device_risk__tx_count_1h": None})
    assert vector.shape == (1, 5)
    assert np.isnan(vector[0, :2]).all()
    assert 0 < model.score(vector)[0] < 1


def test_the_registry_moves_down_only(
    registry: ModelRegistry, trained: TrainedModel, audit: FakeAuditLog, engine: Engine, clock: FixedClock
):
    registry.register(trained, "fraud_score", "service:training")
    with pytest.raises(Conflict, match=r"is in dev and cannot go to dev \(from dev it can go to staging\)"):
        registry.demote("fraud_score", "1", "human:alice")
    stage(engine, clock, "1")
    assert registry.demote("fraud_score", "1", "human:alice").stage == "dev"
    assert registry.get("fraud_score", "1").stage == "dev"
    assert audit.records[-1].payload == {"version": "1", "from": "staging", "to": "dev"}


def test_what_an_endpoint_answers_with_stays(
    registry: ModelRegistry, trained: TrainedModel, engine: Engine, clock: FixedClock
):
    registry.register(trained, "fraud_score", "service:training")
    stage(engine, clock, "1")
    resources, name = SqlResources(engine, clock, FakeAuditLog(clock)), "urn:vigia:endpoint:fraud-br"
    spec = RolloutSpec(model="fraud_score", champion="9", canary="1", canary_percent=5, feature_service=SERVICE)
    resources.create(name, spec, tenant="br", actor="service:setup")
    with pytest.raises(Conflict, match="fraud-br answers with fraud_score version 1"):
        registry.demote("fraud_score", "1", "human:alice")
    resources.patch(
        name, {"halted": "1"}, expected_revision=1, idempotency_key="halt", actor="human:ana", reason="bad"
    )  # fmt: skip
    assert registry.demote("fraud_score", "1", "human:alice").stage == "dev"


def stage(engine: Engine, clock: FixedClock, version: str) -> None:
    """Into staging, past the gates."""
    with transaction(engine) as connection:
        move(connection, FakeAuditLog(clock), "fraud_score", version, "staging", actor="human:ana", at=clock.now())


def test_what_ran_before_the_registry_is_adopted_once(registry: ModelRegistry, trained: TrainedModel) -> None:
    for _ in range(2):
        registry.register(trained, "fraud_score", "service:training")
    assert registry.adopt("fraud_score", "1", "human:alice").stage == "production"
    with pytest.raises(Forbidden, match="by an approved action only"):
        registry.demote("fraud_score", "1", "human:alice")
    with pytest.raises(Conflict, match="nothing is left to adopt"):
        registry.adopt("fraud_score", "2", "human:alice")


@pytest.mark.parametrize("file", ["model.txt", "signature.json"])
def test_an_altered_file_is_not_loaded(registry: ModelRegistry, trained: TrainedModel, tmp_path: Path, file: str):
    registry.register(trained, "fraud_score", "service:training")
    path = tmp_path / "models" / "fraud_score" / "1" / file
    path.chmod(0o644)
    path.write_bytes(path.read_bytes().replace(b"1", b"2", 1))
    with pytest.raises(Conflict, match="was altered"):
        registry.load("fraud_score", "1")
    path.unlink()
    with pytest.raises(Conflict, match="lacks"):
        registry.load("fraud_score", "1")


def test_unknown_versions_name_the_known(registry: ModelRegistry, trained: TrainedModel):
    with pytest.raises(NotFound, match="no version of it is registered"):
        registry.get("fraud_score", "1")
    registry.register(trained, "fraud_score", "service:training")
    with pytest.raises(NotFound, match="it has 1"):
        registry.load("fraud_score", "../1")


def test_without_the_audit_log_nothing_is_registered(
    registry: ModelRegistry, trained: TrainedModel, audit: FakeAuditLog
):
    audit.down = True
    with pytest.raises(Unavailable):
        registry.register(trained, "fraud_score", "service:training")
    audit.down = False
    assert registry.list("fraud_score") == []
    assert registry.register(trained, "fraud_score", "service:training").version == "1"
    assert registry.load("fraud_score", "1").version.version == "1"
