"""Who reads what in production: champions, canaries, and what the registry calls production."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy.engine import Engine

from foundation.clock import FixedClock
from platform_core.operations.resources import Resource, ResourceReader, RolloutSpec
from platform_core.serving.readers import model_readers
from platform_core.training.registry import ModelRegistry
from platform_core.training.types import FeatureBaseline, ModelSignature, SignatureFeature, TrainedModel
from tests.fakes.audit_log import FakeAuditLog


def trained(clock: FixedClock) -> TrainedModel:
    columns = {"card_velocity__spent": "store", "amount": "request"}
    nothing = FeatureBaseline(null_rate=0, mean=0, stddev=0, p01=0, p50=0, p99=0)
    signature = ModelSignature(
        feature_service="fraud_v1",
        features=tuple(SignatureFeature(name=n, origin=o) for n, o in columns.items()),  # type: ignore[arg-type]
        decline_threshold=0.5,
        metrics={},
        baseline=dict.fromkeys(columns, nothing),
        parameters={},
        seed=1,
        data_digest="d",
        data_start=clock.now(),
        data_end=clock.now(),
        rows=1,
        code_version="c",
        environment={},
    )
    return TrainedModel("tree\n", signature)


class Endpoints(ResourceReader):
    def __init__(self, *resources: Resource) -> None:
        self.resources = list(resources)

    def get(self, urn: str) -> Resource:
        raise AssertionError("readers are listed")

    def list(self, *, kind: str | None = None, tenant: str | None = None) -> list[Resource]:
        return [r for r in self.resources if kind in (None, r.spec.kind)]


@pytest.fixture
def registry(engine: Engine, clock: FixedClock, tmp_path: Path) -> ModelRegistry:
    registry = ModelRegistry(engine, clock, FakeAuditLog(clock), tmp_path / "models")
    for _ in range(4):
        registry.register(trained(clock), "fraud_score", "service:training")
    return registry


def endpoint(clock: FixedClock, name: str, environment: str = "production", **rollout: object) -> Resource:
    spec = RolloutSpec(**{"model": "fraud_score", "champion": "1", "feature_service": "fraud_v1"} | rollout)  # type: ignore[arg-type]
    return Resource(
        urn=f"urn:vigia:endpoint:{name}", tenant="br", environment=environment, spec=spec, revision=1,  # type: ignore[arg-type]
        updated_at=clock.now(),
    )  # fmt: skip


def test_champions_canaries_and_the_registrys_production(registry: ModelRegistry, clock: FixedClock) -> None:
    registry.adopt("fraud_score", "3", "human:ana")
    endpoints = Endpoints(endpoint(clock, "fraud-br", canary="2"), endpoint(clock, "trial", "staging", champion="4"))
    readers = model_readers(endpoints, registry)
    assert [(r.version, r.endpoint) for r in readers] == [
        ("1", "urn:vigia:endpoint:fraud-br"),
        ("2", "urn:vigia:endpoint:fraud-br"),
        ("3", None),
    ]
    assert all(r.features == ("card_velocity:spent",) and r.request_fields == ("amount",) for r in readers)
    assert [(r.version, r.endpoint) for r in model_readers(endpoints, registry, "staging")] == [
        ("4", "urn:vigia:endpoint:trial")
    ]


def test_a_version_that_nobody_registered_still_reads_its_service(registry: ModelRegistry, clock: FixedClock) -> None:
    (reader,) = model_readers(Endpoints(endpoint(clock, "fraud-br", champion="99")), registry)
    assert (reader.version, reader.features, reader.feature_service) == ("99", None, "fraud_v1")
