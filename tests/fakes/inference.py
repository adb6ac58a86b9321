"""An inference server's surroundings: real registry and control plane on SQLite, features from memory."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

from fastapi import FastAPI
from sqlalchemy.engine import Engine

from foundation.clock import Clock
from platform_core.operations.resources import RolloutSpec
from platform_core.operations.sql_resources import SqlResources
from platform_core.serving.app import create_inference_app
from platform_core.serving.ports import FeatureRetriever, RetrievedFeatures
from platform_core.serving.prediction_log import PredictionWriter
from platform_core.training.pipeline import train_fraud_model
from platform_core.training.registry import ModelRegistry
from platform_core.training.types import TrainedModel
from tests.fakes.audit_log import FakeAuditLog
from tests.fakes.offline_store import FakeOfflineStore
from tests.fakes.payments import END, SERVICE, START, features_of_the_row, small_catalog, small_history

ENDPOINT = "urn:vigia:endpoint:fraud-br"
FEATURES = {"card_velocity__tx_count_1h": 1.0, "device_risk__tx_count_1h": 3.0}


@lru_cache(maxsize=4)
def small_model(seed: int) -> TrainedModel:
    return train_fraud_model(
        small_history(800),
        small_catalog(),
        SERVICE,
        historical=features_of_the_row,
        start=START,
        end=END,
        seed=seed,
        trees=5,
    )


@dataclass(frozen=True)
class FakeFeatures:
    values: Mapping[str, float | None]
    degraded: list[str]


@dataclass
class FakeRetriever(FeatureRetriever):
    """Answers with the same features for everybody, after `delay` seconds; raises `error` if there is one."""

    values: dict[str, float | None] = field(default_factory=lambda: dict(FEATURES))
    degraded: list[str] = field(default_factory=list)
    delay: float = 0.0
    error: Exception | None = None
    asked: list[tuple[str, str, dict[str, str]]] = field(default_factory=list)

    def features(self, service: str, tenant: str, entities: dict[str, str]) -> RetrievedFeatures:
        self.asked.append((service, tenant, entities))
        if self.delay:
            time.sleep(self.delay)
        if self.error is not None:
            raise self.error
        return FakeFeatures(self.values, self.degraded)


class Inference:
    """Versions 1 and 2 of `fraud_score` registered, endpoint `fraud-br` on version 1."""

    def __init__(self, engine: Engine, clock: Clock, directory: Path) -> None:
        self.directory = directory
        self.audit = FakeAuditLog(clock)
        self.registry = ModelRegistry(engine, clock, self.audit, directory)
        for seed in (1, 2):
            self.registry.register(small_model(seed), "fraud_score", "service:training")
        self.resources = SqlResources(engine, clock, self.audit)
        self.resources.create(
            ENDPOINT,
            RolloutSpec(model="fraud_score", champion="1", feature_service=SERVICE),
            tenant="br",
            actor="service:setup",
        )
        self.retriever = FakeRetriever()
        self.offline = FakeOfflineStore()
        self.predictions = PredictionWriter(self.offline, interval=0.2)
        self.clock = clock

    def app(self) -> FastAPI:
        return create_inference_app(
            registry=self.registry,
            retriever=self.retriever,
            resources=self.resources,
            catalog=small_catalog(),
            predictions=self.predictions,
            clock=self.clock,
        )

    def patch(self, **fields: object) -> None:
        resource = self.resources.get(ENDPOINT)
        self.resources.patch(
            ENDPOINT,
            dict(fields),
            expected_revision=resource.revision,
            idempotency_key=f"patch-{resource.revision}",
            actor="human:alice",
            reason="test",
        )


def payload(card: str = "card-1", **changes: object) -> dict[str, object]:
    request: dict[str, object] = {
        "request_id": "req-1",
        "entities": {"card": card, "device": "device-1"},
        "inputs": {"amount": 20.0, "hour": 3.0, "is_online": 1.0},
    }
    return {**request, **changes}
