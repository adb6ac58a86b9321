"""An inference server's surroundings: real registry and control plane on SQLite, features from memory."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

from sqlalchemy.engine import Engine

from foundation.clock import Clock
from platform_core.access.endpoints import EndpointAccess
from platform_core.operations.resources import RolloutSpec
from platform_core.operations.sql_resources import SqlResources
from platform_core.serving.app import InferenceApp, create_inference_app
from platform_core.serving.ports import FeatureReader, FeatureRows, FeatureSource, Keys
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


@dataclass
class FakeRetriever(FeatureSource):
    """Answers with the same features for everybody, after `delay` seconds; raises `error` if there is one. Rows of the
    features in `degraded` are missing, those in `expired` are expired."""

    values: dict[str, float | None] = field(default_factory=lambda: dict(FEATURES))
    degraded: list[str] = field(default_factory=list)
    expired: list[str] = field(default_factory=list)
    delay: float = 0.0
    error: Exception | None = None
    asked: list[tuple[str, str, tuple[str, ...]]] = field(default_factory=list)
    reads: int = 0

    def reader(self, service: str, tenant: str) -> FeatureReader:
        return FakeReader(self, service, tenant)


@dataclass
class FakeReader(FeatureReader):
    source: FakeRetriever
    service: str
    tenant: str

    @property
    def columns(self) -> tuple[str, ...]:
        return tuple(FEATURES)

    @property
    def ask(self) -> None:
        return None

    def read(self, rows: Sequence[Keys]) -> FeatureRows:
        source = self.source
        source.reads += 1
        source.asked += [(self.service, self.tenant, keys) for keys in rows]
        if source.delay:
            time.sleep(source.delay)
        if source.error is not None:
            raise source.error
        gone = dict.fromkeys(source.degraded, "missing") | dict.fromkeys(source.expired, "expired")
        statuses: Any = [[gone.get(name, "present")] * len(rows) for name in FEATURES]
        return FeatureRows([[None if n in gone else source.values[n]] * len(rows) for n in FEATURES], statuses)

    def observe(self, seconds: float) -> None:
        assert seconds > 0


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
        self.patches = 0

    def app(self, access: EndpointAccess | None = None, **more: Any) -> InferenceApp:
        return create_inference_app(
            registry=self.registry,
            features=self.retriever,
            resources=self.resources,
            catalog=small_catalog(),
            predictions=self.predictions,
            clock=self.clock,
            access=access,
            **more,
        )

    def patch(self, **fields: object) -> None:
        resource = self.resources.get(ENDPOINT)
        self.patches += 1
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
