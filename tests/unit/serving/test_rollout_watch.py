"""The watch over a real control plane: what it halts, what it tells, and what it leaves alone."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import numpy as np
import pytest
from sqlalchemy.engine import Engine

from foundation.clock import FixedClock
from foundation.errors import Conflict, InvalidInput
from platform_core.operations.resources import ResourceChange, RolloutSpec, SourceSpec
from platform_core.operations.sql_resources import SqlResources
from platform_core.operations.sql_timeline import SqlOperations
from platform_core.running.rollout_watch import ACTOR, RolloutWatch
from platform_core.serving.prediction_log import DeltaPredictionLog, PredictionErrorRow, PredictionRow, PredictionWriter
from platform_core.serving.rollouts import states
from platform_core.serving.rollouts.halting import Brake
from platform_core.serving.rollouts.history import history
from platform_core.serving.rollouts.judging import judge_now
from tests.fakes.audit_log import FakeAuditLog
from tests.fakes.offline_store import FakeOfflineStore

ENDPOINT = "urn:vigia:endpoint:fraud-br"
GUARDS = (
    {"metric": "decline_rate", "limit": 0.05},
    {"metric": "latency", "limit": 0.1, "threshold": 75},
    {"metric": "errors", "limit": 0.1},
)


@dataclass
class World:
    engine: Engine
    clock: FixedClock
    offline: FakeOfflineStore = field(default_factory=FakeOfflineStore)

    def __post_init__(self) -> None:
        self.audit = FakeAuditLog(self.clock)
        self.resources = SqlResources(self.engine, self.clock, self.audit)
        self.operations = SqlOperations(self.engine)
        self.log = DeltaPredictionLog(self.offline)
        self.writer = PredictionWriter(self.offline, pseudonym=lambda key: f"p-{key}")
        self.rng = np.random.default_rng(1)
        spec = RolloutSpec(model="fraud_score", champion="1", feature_service="fraud_v1", guards=GUARDS)  # type: ignore[arg-type]
        self.resources.create(ENDPOINT, spec, tenant="br", actor="service:setup")

    @property
    def spec(self) -> RolloutSpec:
        spec = self.resources.get(ENDPOINT).spec
        assert isinstance(spec, RolloutSpec)
        return spec

    def watch(self) -> RolloutWatch:
        brake = Brake(self.resources)
        return RolloutWatch(self.resources, self.operations, self.log, brake, self.clock, settle=timedelta(seconds=1))

    def patch(self, fields: dict[str, Any]) -> ResourceChange:
        resource = self.resources.get(ENDPOINT)
        self.clock.advance(timedelta(seconds=1))
        return self.resources.patch(
            ENDPOINT, fields, expected_revision=resource.revision, idempotency_key=f"k{resource.revision}",
            actor="human:ana", reason="trying version 2",
        )  # fmt: skip

    def traffic(self, count: int, *, candidate_declines: float, percent: int = 20, **more: Any) -> None:
        """`count` requests within a minute, then ten seconds of nothing."""
        for _ in range(count):
            self.clock.advance(timedelta(seconds=60 / count))
            self._request(candidate_declines, percent, **more)
        self.writer.flush()
        self.clock.advance(timedelta(seconds=10))

    def _request(
        self, candidate_declines: float, percent: int, *, slow: float = 5.0, failing: float = 0.0, **more: Any
    ) -> None:
        new = bool(self.rng.random() < percent / 100)
        version, variant = ("2", "canary") if new else ("1", "champion")
        card = f"card-{self.rng.integers(1_000_000)}"
        if new and self.rng.random() < failing:
            self.writer.write(
                PredictionErrorRow(self.clock.now(), "fraud-br", "br", version, variant, "unavailable", 9.0, "r", card)
            )
            return
        declined = bool(self.rng.random() < (candidate_declines if new else 0.02))
        self.writer.write(
            PredictionRow(
                self.clock.now(),
                "fraud-br",
                "br",
                version,
                variant,
                0.9 if declined else 0.1,
                declined,
                20.0,
                slow if new else 5.0,
                1.0,
                0.5,
                0,
                entity=card,
                **more,
            )
        )


@pytest.fixture
def world(engine: Engine, clock: FixedClock) -> World:
    return World(engine, clock)


@pytest.mark.parametrize(
    ("bad", "metric", "kind"),
    [
        ({"candidate_declines": 0.6}, "decline_rate", "score_shift"),
        ({"candidate_declines": 0.02, "slow": 120.0}, "latency", "latency"),
        ({"candidate_declines": 0.02, "failing": 0.9}, "errors", "errors"),
    ],
)
def test_a_bad_candidate_is_halted_told_and_audited(world: World, bad: dict[str, Any], metric: str, kind: str) -> None:
    watch = world.watch()
    world.patch(states.start(world.spec, "2", percent=20))
    assert watch.step() == []
    alerts = []
    for _ in range(8):
        world.traffic(150, **bad)
        alerts += watch.step()
        if alerts:
            break
    assert states.state_of(world.spec) == "halted"
    assert (world.spec.canary, world.spec.canary_percent, world.spec.champion) == ("2", 0, "1")
    (alert,) = alerts
    assert (alert.kind, alert.subject, alert.labels["guard"]) == (kind, ENDPOINT, metric)
    assert alert.summary.startswith(f"the rollout of fraud_score 2 at fraud-br was halted: guard {metric}: ")
    (past,) = history(world.operations.changes(*_ever(world), subjects=[ENDPOINT], kinds=["rollout"]))
    assert [(step.step, step.by) for step in past.steps] == [("started", "human:ana"), ("halted", ACTOR)]
    assert world.audit.records[-1].action == "resource.patched"
    assert world.audit.records[-1].actor == ACTOR
    # whoever comes later says the same of it: nobody is paged twice
    (again,) = world.watch().step()
    assert (again.fingerprint, again.starts_at) == (alert.fingerprint, alert.starts_at)
    assert watch.step() == []
    world.patch(states.roll_back(world.spec))
    (gone,) = watch.step()
    assert (gone.status, gone.fingerprint) == ("resolved", alert.fingerprint)


def test_a_good_candidate_is_proposed_for_promotion(world: World) -> None:
    watch = world.watch()
    world.patch(states.start(world.spec, "2", percent=50))
    for _ in range(10):
        world.traffic(300, candidate_declines=0.02, percent=50)
        assert watch.step() == []
        if watch.verdicts["fraud-br"].advice == "promote":
            break
    verdict = watch.verdicts["fraud-br"]
    assert verdict.advice == "promote"
    assert {guard.standing for guard in verdict.guards} == {"clear"}
    # look by look or all at once: the same evidence
    at_once = judge_now(world.resources.get(ENDPOINT), world.log, world.operations, world.clock.now())
    assert at_once.guards == verdict.guards


def test_without_a_guard_nothing_is_halted(world: World) -> None:
    world.patch({"guards": ()})
    world.patch(states.start(world.spec, "2", percent=20))
    watch = world.watch()
    world.traffic(300, candidate_declines=1.0)
    assert watch.step() == []
    assert watch.verdicts["fraud-br"].advice == "none"
    assert states.state_of(world.spec) == "running"


def test_one_card_tried_again_and_again_is_one_observation(world: World) -> None:
    world.patch(states.start(world.spec, "2", percent=20))
    watch = world.watch()
    for n in range(400):
        world.clock.advance(timedelta(seconds=1))
        for version, variant, score in (("1", "champion", 0.1), ("2", "canary", 0.9)):
            world.writer.write(
                PredictionRow(
                    world.clock.now(),
                    "fraud-br",
                    "br",
                    version,
                    variant,
                    score,
                    score > 0.5,
                    20.0,
                    5.0,
                    1.0,
                    0.5,
                    0,
                    entity="one-card" if version == "2" else f"card-{n}",
                )
            )
    world.writer.flush()
    world.clock.advance(timedelta(seconds=5))
    assert watch.step() == []
    (declines,) = (g for g in watch.verdicts["fraud-br"].guards if g.metric == "decline_rate")
    assert (declines.candidate_count, declines.champion_count) == (1, 400)


def test_the_evidence_begins_anew_when_it_is_let_go_on(world: World) -> None:
    watch = world.watch()
    world.patch(states.start(world.spec, "2", percent=20))
    world.traffic(600, candidate_declines=0.9)
    assert len(watch.step()) == 1
    world.patch(states.resume(world.spec, 20))
    (resolved,) = watch.step()
    assert resolved.status == "resolved"
    assert {g.candidate_count for g in watch.verdicts["fraud-br"].guards} == {0}


def test_the_brake_wins_over_somebody_elses_change(world: World) -> None:
    world.patch(states.start(world.spec, "2", percent=20))

    class Racing(SqlResources):
        races = 3

        def patch(self, urn: str, fields: dict[str, Any], **more: Any) -> ResourceChange:
            if self.races:
                self.races -= 1
                world.patch({"replicas": world.spec.replicas + 1})
            return super().patch(urn, fields, **more)

    racing = Racing(world.engine, world.clock, world.audit)
    halted = Brake(racing).halt("fraud-br", actor="human:ana", reason="it looks wrong")
    assert isinstance(halted.spec, RolloutSpec)
    assert (halted.spec.live_percent, halted.spec.replicas) == (0, 5)
    assert Brake(racing).halt("fraud-br", actor="human:bob", reason="too").revision == halted.revision


def test_the_brake_can_do_nothing_else(world: World) -> None:
    brake = Brake(world.resources)
    with pytest.raises(Conflict, match="there is no rollout"):
        brake.halt("fraud-br", actor="human:ana", reason="nothing there")
    world.resources.create("urn:vigia:source:payments_br", SourceSpec(), tenant="br", actor="service:setup")
    assert [name for name in dir(brake) if not name.startswith("_")] == ["halt"]
    before = world.spec
    world.patch(states.start(before, "2", percent=20))
    assert set(states.halt(world.spec)) <= {"halted", "canary_percent"}


def test_what_is_no_endpoint_is_refused(world: World) -> None:
    from platform_core.serving.rollouts.halting import spec_of

    source = world.resources.create("urn:vigia:source:payments_ar", SourceSpec(), tenant="ar", actor="service:setup")
    with pytest.raises(InvalidInput, match="not an endpoint"):
        spec_of(source)


def _ever(world: World) -> tuple[Any, Any]:
    return world.clock.now() - timedelta(days=2), world.clock.now()
