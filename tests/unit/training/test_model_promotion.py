"""What stands between a version and production, one refusal at a time, and that a refusal changes nothing."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine

from foundation.clock import FixedClock
from foundation.database import transaction
from foundation.errors import Conflict, Forbidden, InvalidInput, Unavailable
from foundation.ids import new_id
from platform_core.operations.resources import ModelSpec
from platform_core.operations.sql_resources import SqlResources
from platform_core.training.gates.judging import Gatekeeper
from platform_core.training.gates.policy import GatePolicy, load_gate_policy
from platform_core.training.gates.tables import model_gates
from platform_core.training.gates.verdicts import GateVerdict
from tests.fakes.audit_log import FakeAuditLog
from tests.fakes.gates import FakeEvidence
from tests.fakes.observed_catalog import CATALOG
from tests.fakes.promoting import MODEL, RESOURCE, Promoting


@pytest.fixture
def bench(engine: Engine, clock: FixedClock, tmp_path: Path) -> Promoting:
    """Version 1 in production since before there were reviews, version 2 in staging."""
    bench = Promoting(engine, clock, tmp_path / "models")
    bench.registry.adopt(MODEL, bench.register(), "human:ana")
    bench.staged(seed=2)
    bench.under_control()
    return bench


def refused(bench: Promoting, production: str | None, review: str | None, match: str) -> None:
    before, stages = bench.spec, [v.stage for v in bench.registry.list(MODEL)]
    with pytest.raises(Conflict, match=match):
        bench.set(production, review)
    assert bench.spec == before
    assert [v.stage for v in bench.registry.list(MODEL)] == stages


def test_into_production_and_back_in_one_move_each(bench: Promoting) -> None:
    review = bench.judge("2", "production")
    bench.set("2", review.id)
    assert (bench.champion, bench.spec.production) == ("2", "2")
    assert [v.stage for v in bench.registry.list(MODEL)] == ["staging", "production"]
    assert isinstance(bench.audit, FakeAuditLog)
    moved = [r.payload for r in bench.audit.records if r.action == "model.promoted"][-1]
    assert moved == {"version": "2", "from": "staging", "to": "production", "review": review.id, "instead_of": "1"}
    bench.set("1", None)
    assert (bench.champion, bench.spec.review) == ("1", None)


def test_what_was_taken_back_does_not_return_by_the_way_it_left(bench: Promoting) -> None:
    """Otherwise the undo of the undo would put a bad version back without anybody judging it."""
    review = bench.judge("2", "production")
    bench.set("2", review.id)
    bench.set("1", None)
    refused(bench, "2", review.id, "stale: the version was moved since")
    again = bench.judge("2", "production")
    bench.set("2", again.id)
    assert bench.champion == "2"


def test_only_what_was_replaced_comes_back_without_a_review(bench: Promoting) -> None:
    third = bench.staged(seed=2)
    bench.set("2", bench.judge("2", "production").id)
    refused(bench, third, None, "names no review")
    refused(bench, "1", "mrv_of_something_else", "there is no review")
    bench.set(None, None)
    assert bench.champion is None
    refused(bench, "1", None, "names no review")


def test_gates_that_failed_or_could_not_judge_let_nothing_through(bench: Promoting) -> None:
    for outcome in ("failed", "could_not_be_judged"):
        review = bench.judge("2", "production", outcome)
        refused(bench, "2", review.id, "did not pass its gates: bias")
    fresh = bench.register()
    bench.judge(fresh, "staging", "failed")
    with pytest.raises(Conflict, match="did not pass"):
        bench.to_staging(fresh)
    with pytest.raises(Conflict, match="never judged"):
        bench.to_staging(bench.register())


def test_a_review_is_about_one_version_and_one_stage(bench: Promoting) -> None:
    other = bench.staged(seed=2)
    refused(bench, "2", bench.judge(other, "production").id, "is about fraud_score version 3")
    for_staging = bench.judge("2", "staging")
    refused(bench, "2", for_staging.id, "for staging, not fraud_score version 2 for production")


def test_a_world_that_moved_on_makes_a_review_stale(bench: Promoting) -> None:
    review = bench.judge("2", "production")
    bench.use(GatePolicy.model_validate({"bias": {"max_difference": 0.5}}))
    refused(bench, "2", review.id, "stale: the gate policy was changed since")
    bench.use(GatePolicy())
    third = bench.staged(seed=2)
    bench.set(third, bench.judge(third, "production").id)
    refused(bench, "2", review.id, "compared with version 1 in production, not version 3")
    late = bench.judge("2", "production")
    bench.clock.advance(timedelta(hours=73))
    refused(bench, "2", late.id, "older than 72 hours")


def test_an_altered_file_is_noticed_in_the_move(bench: Promoting) -> None:
    review = bench.judge("2", "production")
    bench.tamper("2")
    with pytest.raises(Conflict, match=r"card\.md|altered|signed"):
        bench.set("2", review.id)
    assert bench.champion == "1"
    elsewhere = bench.staged(seed=2)
    forged = bench.judge(elsewhere, "production", artifact_digest="0" * 64)
    refused(bench, elsewhere, forged.id, "its files are not those that were judged")


def test_an_audit_log_that_is_down_moves_nothing(bench: Promoting) -> None:
    review = bench.judge("2", "production")
    assert isinstance(bench.audit, FakeAuditLog)
    bench.audit.down = True
    with pytest.raises(Unavailable):
        bench.set("2", review.id)
    bench.audit.down = False
    assert (bench.champion, bench.spec.production) == ("1", "1")
    assert [v.stage for v in bench.registry.list(MODEL)] == ["production", "staging"]


def test_a_control_plane_without_a_registry_moves_no_model(bench: Promoting) -> None:
    review = bench.judge("2", "production")
    alone = SqlResources(bench.engine, bench.clock, bench.audit)
    with pytest.raises(Forbidden, match="keeps no model registry"):
        alone.patch(
            RESOURCE,
            {"production": "2", "review": review.id},
            expected_revision=1,
            idempotency_key=new_id("test"),
            actor="service:worker",
            reason="test",
        )
    assert bench.champion == "1"


def test_a_spec_that_disagrees_with_the_registry_is_not_followed(bench: Promoting) -> None:
    other = "urn:vigia:model:refund_score"
    bench.resources.create(other, ModelSpec(production="7"), actor="service:setup")
    with pytest.raises(Conflict, match="nothing is moved while they disagree"):
        bench.resources.patch(
            other,
            {"production": None},
            expected_revision=1,
            idempotency_key=new_id("test"),
            actor="service:worker",
            reason="test",
        )


def test_asking_for_a_training_moves_nothing(bench: Promoting) -> None:
    bench.resources.patch(
        RESOURCE, {"trainings": 1}, expected_revision=1, idempotency_key="t", actor="service:worker", reason="test"
    )
    assert (bench.champion, bench.spec.trainings) == ("1", 1)


@pytest.mark.parametrize(
    ("document", "match"),
    [
        ("gates: {production: []}", "production has no gate"),
        ("gates: {production: [bais]}", "no gate 'bais'"),
        ("bias: {max_difference: -1}", "bias.max_difference"),
        ("perfromance: {}", "perfromance"),
        ("gates: [", "cannot be read"),
    ],
)
def test_a_gate_policy_that_does_not_fit_is_refused(tmp_path: Path, document: str, match: str) -> None:
    path = tmp_path / "gates.yaml"
    path.write_text(document, encoding="utf-8")
    with pytest.raises(InvalidInput, match=match):
        load_gate_policy(path)


def test_a_gate_policy_names_only_what_it_wants_otherwise(tmp_path: Path) -> None:
    path = tmp_path / "gates.yaml"
    path.write_text("latency: {p99_ms: 5}\ngates: {staging: [documentation]}\n", encoding="utf-8")
    policy = load_gate_policy(path)
    assert (policy.latency.p99_ms, policy.bias, policy.gates["staging"]) == (5, GatePolicy().bias, ("documentation",))
    assert policy.gates["production"] == GatePolicy().gates["production"]
    assert policy.digest != GatePolicy().digest == load_gate_policy(None).digest


def test_an_older_review_that_passed_does_not_outlive_a_newer_one_that_failed(bench: Promoting) -> None:
    good = bench.judge("2", "production")
    bench.judge("2", "production", "failed")
    refused(bench, "2", good.id, "judged again for production .*: failed")
    bench.set("2", bench.judge("2", "production").id)


def test_a_review_speaks_by_every_gate_of_its_stage(bench: Promoting) -> None:
    one = GateVerdict(gate="documentation", outcome="passed", said="a card")
    review = bench.judge("2", "production", verdicts=(one,))
    refused(bench, "2", review.id, "is of the gates documentation, production asks for bias, ")


def test_verdicts_altered_in_the_database_are_no_longer_the_review(bench: Promoting) -> None:
    failed = bench.judge("2", "production", "failed")
    mine = (model_gates.c.review_id == failed.id, model_gates.c.outcome == "failed")
    with transaction(bench.engine) as connection:
        connection.execute(sa.update(model_gates).where(*mine).values(outcome="passed"))
    refused(bench, "2", failed.id, "is not what was said")
    short = bench.judge("2", "production", "failed")
    with transaction(bench.engine) as connection:
        connection.execute(sa.delete(model_gates).where(model_gates.c.review_id == short.id, mine[1]))
    refused(bench, "2", short.id, "is not what was said")


def test_what_does_not_fit_the_catalog_in_force_is_neither_judged_nor_moved(bench: Promoting) -> None:
    review = bench.judge("2", "production")
    bench.catalog = CATALOG
    refused(bench, "2", review.id, "version 2 does not fit the catalog")
    unused: Any = None
    keeper = Gatekeeper(
        bench.engine, bench.clock, bench.audit, bench.registry, GatePolicy(), unused, lambda: bench.catalog
    )
    with pytest.raises(Conflict, match="does not fit the catalog"):
        keeper.judge(MODEL, "2", "production", actor="human:ana")


def test_a_champion_that_cannot_be_read_is_not_compared_with(bench: Promoting) -> None:
    bench.tamper("1")
    policy = GatePolicy.model_validate({"gates": {"production": ["documentation", "performance"]}})
    keeper = Gatekeeper(
        bench.engine, bench.clock, bench.audit, bench.registry, policy,
        lambda *about: FakeEvidence(), lambda: bench.catalog,
    )  # fmt: skip
    review = keeper.judge(MODEL, "2", "production", actor="human:ana")
    assert (review.champion, [v.outcome for v in review.verdicts]) == ("1", ["passed", "could_not_be_judged"])
    assert "vigia models demote fraud_score 1" in review.verdicts[1].said
