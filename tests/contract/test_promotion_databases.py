"""Registry, gates, promotion, trainings and tracking on SQLite and PostgreSQL: one suite, everybody at it at once."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from threading import Barrier, Event

import pytest
from sqlalchemy.engine import Connection, Engine

from audit.entry import AuditEntry, AuditRecord
from foundation.clock import FixedClock
from foundation.database import reading
from foundation.errors import Conflict, VigiaError
from foundation.ids import new_id
from platform_core.operations.resources import RolloutSpec
from platform_core.operations.sql_resources import SqlResources
from platform_core.training.gates import reviews
from platform_core.training.gates.judging import Gatekeeper
from platform_core.training.gates.policy import GatePolicy
from platform_core.training.gates.serving_rule import EndpointAdmission
from platform_core.training.local_tracker import LocalTracker
from platform_core.training.tracked import TrackingLog
from platform_core.training.tracking import Receipt, TrackedRun
from platform_core.urn import urn
from tests.fakes.at_once import at_once, refusals
from tests.fakes.audit_log import FakeAuditLog
from tests.fakes.gates import FakeEvidence
from tests.fakes.inference import small_model
from tests.fakes.promoting import MODEL, Promoting


def test_a_review_comes_back_as_it_was_stored(bench: Promoting) -> None:
    policy = GatePolicy.model_validate({"latency": {"repeats": 3, "calls": 100}, "performance": {"replicates": 100}})
    keeper = Gatekeeper(
        bench.engine, bench.clock, bench.audit, bench.registry, policy,
        lambda *about: FakeEvidence(), lambda: bench.catalog,
    )  # fmt: skip
    bench.registry.demote(MODEL, "3", "human:ana")
    bench.judge("3", "staging")
    bench.clock.advance(timedelta(seconds=1))
    review = keeper.judge(MODEL, "2", "production", actor="human:ana")
    with reading(bench.engine) as connection:
        assert reviews.read(connection, review.id) == review
        assert reviews.of_version(connection, MODEL, "2", "production") == [review]
        assert [r.to_stage for r in reviews.of_version(connection, MODEL, "3")] == ["staging"] * 2


def test_of_two_promotions_at_once_one_is_in_production_and_the_other_is_told(bench: Promoting) -> None:
    second, third = bench.judge("2", "production").id, bench.judge("3", "production").id
    said = at_once(lambda: bench.set("2", second), lambda: bench.set("3", third))
    (refusal,) = refusals(said)
    assert "was changed meanwhile" in refusal or "it was compared with version 1" in refusal
    assert bench.stages().count("production") == 1
    assert bench.spec.production == bench.champion != "1"


def test_promotion_and_demotion_at_once_leave_no_version_in_two_places(bench: Promoting) -> None:
    review = bench.judge("2", "production").id
    said = at_once(lambda: bench.set("2", review), lambda: bench.registry.demote(MODEL, "2", "human:bruno"))
    (refusal,) = refusals(said)
    assert "2 is in " in refusal or "2 leaves production" in refusal or "review" in refusal
    assert bench.stages() in (["staging", "production", "staging"], ["production", "dev", "staging"])
    assert bench.spec.production == bench.champion


def test_many_promotions_to_staging_at_once_move_it_once(bench: Promoting) -> None:
    fresh = bench.register()
    bench.judge(fresh, "staging")
    said = at_once(*[lambda: bench.promotions.to_staging(MODEL, fresh, actor="human:ana")] * 4)
    assert len(refusals(said)) == 3
    assert bench.stages()[-1] == "staging"


class Pausing(FakeAuditLog):
    """Lets somebody else in before the entry of a move is written, which is inside its transaction."""

    def __init__(self, clock: FixedClock) -> None:
        super().__init__(clock)
        self.reached, self.go_on = Event(), Event()

    def append(self, record: AuditRecord, *, connection: Connection | None = None) -> AuditEntry:
        if record.action == "model.promoted" and not self.reached.is_set():
            self.reached.set()
            self.go_on.wait(0.3)
        return super().append(record, connection=connection)


def test_a_newer_review_that_failed_waits_for_the_move_and_is_then_about_another_champion(
    bench: Promoting, tmp_path: Path
) -> None:
    """It is stored either before the move, which is refused then, or after it, when the champion is another."""
    good = bench.judge("2", "production")
    audit = Pausing(bench.clock)
    slow = Promoting(bench.engine, bench.clock, bench.directory, audit)
    keeper = Gatekeeper(
        bench.engine, bench.clock, FakeAuditLog(bench.clock), bench.registry,
        GatePolicy.model_validate({"gates": {"production": ["documentation"]}}),
        lambda *about: FakeEvidence(card_text="nothing"), lambda: bench.catalog,
    )  # fmt: skip

    def judge() -> object:
        assert audit.reached.wait(10)
        return keeper.judge(MODEL, "2", "production", actor="human:bruno")

    moved, judged = at_once(lambda: slow.set("2", good.id), judge)
    audit.go_on.set()
    assert not isinstance(moved, VigiaError)
    assert isinstance(judged, Conflict)
    assert "the champion of fraud_score changed" in judged.message or "cannot be promoted" in judged.message
    assert bench.champion == "2"


def test_an_older_review_does_not_outlive_a_newer_one_that_failed_here_either(bench: Promoting) -> None:
    good = bench.judge("2", "production")
    bench.judge("2", "production", "failed")
    with pytest.raises(Conflict, match="judged again for production"):
        bench.set("2", good.id)


def test_of_two_adoptions_at_once_one_is_in_production(bench: Promoting, tmp_path: Path) -> None:
    other = "refund_score"
    for seed in (1, 2):
        bench.registry.register(small_model(seed), other, "service:training")
    said = at_once(*(lambda v=v: bench.registry.adopt(other, v, "human:ana") for v in ("1", "2")))
    assert len(refusals(said)) == 1
    assert [v.stage for v in bench.registry.list(other)].count("production") == 1


def test_a_version_that_begins_to_answer_is_not_taken_to_dev_at_the_same_moment(bench: Promoting) -> None:
    target = urn("endpoint", "fraud-br")
    rule = EndpointAdmission(bench.promotions)
    resources = SqlResources(bench.engine, bench.clock, bench.audit, admissions={"endpoint": rule})
    spec = RolloutSpec(model=MODEL, champion="1", feature_service="fraud_v1")
    resources.create(target, spec, tenant="br", actor="service:setup")

    def patch(canary: str | None, percent: int) -> object:
        return resources.patch(
            target,
            {"canary": canary, "canary_percent": percent},
            expected_revision=resources.get(target).revision,
            idempotency_key=new_id("test"),
            actor="service:worker",
            reason="test",
        )

    for turn in range(4):
        said = at_once(lambda: patch("2", 10), lambda: bench.registry.demote(MODEL, "2", "human:bruno"))
        assert len(refusals(said)) == 1, said
        answers, stage = resources.get(target).spec.model_dump()["canary"], bench.stages()[1]
        assert (answers, stage) in (("2", "staging"), (None, "dev"))
        if answers is not None:
            patch(None, 0)
        else:
            bench.judge("2", "staging")
            bench.to_staging("2")
        bench.clock.advance(timedelta(seconds=turn))


def test_registrations_at_once_are_all_registered(registry_database: Engine, clock: FixedClock, tmp_path: Path) -> None:
    """Training took an hour: to be first by a millisecond is not what decides whose model is kept."""
    bench = Promoting(registry_database, clock, tmp_path / "models")
    bench.register(), bench.register(2)
    said = at_once(*[bench.register] * 4)
    assert refusals(said) == []
    assert sorted(str(version) for version in said) == ["3", "4", "5", "6"]
    for version in ("3", "4", "5", "6"):
        bench.registry.load(MODEL, version)


def test_two_that_tell_the_tracker_at_once_note_it_once(bench: Promoting, tmp_path: Path) -> None:
    together = Barrier(2)

    class Slow(LocalTracker):
        def track(self, run: TrackedRun) -> Receipt:
            receipt = super().track(run)
            together.wait(10)
            return receipt

    logs = [TrackingLog(bench.engine, bench.clock, bench.registry, Slow(tmp_path / "runs")) for _ in range(2)]
    said = at_once(*(lambda log=log: log.send(MODEL, "1").problem for log in logs))
    assert said == [None, None]
    assert len(logs[0].of(MODEL, "1")) == 1
    assert logs[0].pending(MODEL) == ["2", "3"]
