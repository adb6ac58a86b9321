"""A model registry, its control plane and its gates on one database: a small real model, verdicts at will."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

from sqlalchemy.engine import Engine

from audit.port import AuditLog
from foundation.clock import FixedClock
from foundation.database import reading, transaction
from foundation.ids import new_id
from platform_core.operations.resources import ModelSpec, ResourceChange
from platform_core.operations.sql_resources import SqlResources
from platform_core.training.answering import endpoints
from platform_core.training.gates import reviews
from platform_core.training.gates.policy import GatePolicy
from platform_core.training.gates.promotion import ModelAdmission, Promotions
from platform_core.training.gates.thresholds import by_endpoint, served_thresholds
from platform_core.training.gates.verdicts import GateVerdict, Outcome, PromotionReview
from platform_core.training.moves import in_production, places
from platform_core.training.registry import ModelRegistry
from platform_core.training.types import Stage
from platform_core.urn import urn
from tests.fakes.audit_log import FakeAuditLog
from tests.fakes.inference import small_model
from tests.fakes.payments import small_catalog

MODEL = "fraud_score"
RESOURCE = urn("model", MODEL)


class Promoting:
    def __init__(self, engine: Engine, clock: FixedClock, directory: Path, audit: AuditLog | None = None) -> None:
        self.engine = engine
        self.clock = clock
        self.directory = directory
        self.audit = audit or FakeAuditLog(clock)
        self.registry = ModelRegistry(engine, clock, self.audit, directory)
        self.resources = SqlResources(engine, clock, self.audit, admissions={})
        self.catalog = small_catalog()
        self.use(GatePolicy())

    def use(self, policy: GatePolicy) -> None:
        """From now on this policy, as after its file was changed."""
        self.promotions = Promotions(self.engine, self.clock, self.audit, self.registry, policy, lambda: self.catalog)
        admissions = {"model": ModelAdmission(self.promotions)}
        self.resources = SqlResources(self.engine, self.clock, self.audit, admissions=admissions)

    def register(self, seed: int = 1) -> str:
        return self.registry.register(small_model(seed), MODEL, "service:training").version

    def under_control(self) -> None:
        self.resources.create(RESOURCE, ModelSpec(production=self.champion), actor="service:setup")

    @property
    def champion(self) -> str | None:
        with reading(self.engine) as connection:
            place = in_production(connection, MODEL)
        return None if place is None else place.version

    @property
    def thresholds(self) -> dict[str, float]:
        with reading(self.engine) as connection:
            return by_endpoint(served_thresholds(endpoints(connection), MODEL))

    @property
    def spec(self) -> ModelSpec:
        spec = self.resources.get(RESOURCE).spec
        assert isinstance(spec, ModelSpec)
        return spec

    def judge(self, version: str, to: Stage, outcome: Outcome = "passed", **changes: Any) -> PromotionReview:
        """A review with this outcome of everything, stored as the gatekeeper does."""
        self.clock.advance(timedelta(seconds=1))
        gates = self.promotions.policy.gates[to]
        verdicts = (GateVerdict(gate=gates[0], outcome=outcome, said="as it was told"), *_passed(gates[1:]))
        review = PromotionReview(
            id="",
            name=MODEL,
            version=version,
            to_stage=to,
            verdicts=verdicts,
            artifact_digest=reviews.artifact_digest(self.registry.get(MODEL, version)),
            policy_digest=self.promotions.policy.digest,
            champion=self.champion,
            thresholds=self.thresholds,
            judged_by="human:ana",
            judged_at=self.clock.now(),
        ).model_copy(update=changes)
        review = reviews.named(review)
        with transaction(self.engine) as connection:
            reviews.store(connection, self.audit, review)
        self.clock.advance(timedelta(seconds=1))
        return review

    def to_staging(self, version: str) -> None:
        self.promotions.to_staging(MODEL, version, actor="human:ana")

    def staged(self, seed: int = 1) -> str:
        """A fresh version that passed into staging."""
        version = self.register(seed)
        self.judge(version, "staging")
        self.to_staging(version)
        return version

    def set(self, production: str | None, review: str | None) -> ResourceChange:
        """What the executor's act tools come to: a patch of the model's resource."""
        return self.resources.patch(
            RESOURCE,
            {"production": production, "review": review},
            expected_revision=self.resources.get(RESOURCE).revision,
            idempotency_key=new_id("test"),
            actor="service:worker",
            reason="test",
        )

    def stages(self) -> list[str]:
        with reading(self.engine) as connection:
            return [place.stage for place in places(connection, MODEL)]

    def tamper(self, version: str) -> None:
        path = self.directory / MODEL / version / "card.md"
        path.chmod(0o644)
        path.write_text(path.read_text(encoding="utf-8") + "\nwonderful", encoding="utf-8")


def _passed(gates: tuple[str, ...]) -> tuple[GateVerdict, ...]:
    return tuple(GateVerdict(gate=gate, outcome="passed", said="as it was told") for gate in gates)
