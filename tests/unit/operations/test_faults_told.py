"""What keeps a model or an endpoint from working is on the timeline once when it begins, and once when it is over."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy.engine import Engine

from foundation.clock import FixedClock
from platform_core.operations.faults import LATELY, MOST_ALIKE
from platform_core.operations.resources import RolloutSpec
from platform_core.operations.sql_timeline import SqlOperations
from platform_core.running.models import ModelUpkeep
from platform_core.training.types import ModelVersion, TrainedModel
from platform_core.urn import urn
from tests.fakes.inference import small_model
from tests.fakes.promoting import MODEL, RESOURCE, Promoting


@pytest.fixture
def bench(engine: Engine, clock: FixedClock, tmp_path: Path) -> Promoting:
    bench = Promoting(engine, clock, tmp_path / "models")
    bench.registry.adopt(MODEL, bench.register(), "human:ana")
    bench.under_control()
    return bench


def told(bench: Promoting) -> list[tuple[str, str]]:
    events = SqlOperations(bench.engine).changes(bench.clock.now(), bench.clock.now(), kinds=["fault"])
    return [(event.subject, event.summary) for event in events]


def test_a_model_in_production_that_cannot_be_used(bench: Promoting) -> None:
    def upkeep() -> ModelUpkeep:
        """After a restart, which remembers nothing."""
        return ModelUpkeep(
            bench.resources, bench.registry, SqlOperations(bench.engine), bench.clock,
            lambda like, since: small_model(2), catalog=lambda: bench.catalog, in_background=False,
        )  # fmt: skip

    upkeep().step()
    assert told(bench) == []
    card = bench.directory / MODEL / "1" / "card.md"
    content = card.read_bytes()
    bench.tamper("1")
    first = upkeep().step()
    assert first is not None
    assert "\n" not in first
    upkeep().step()
    ((subject, said),) = told(bench)
    assert subject == RESOURCE
    assert said.startswith("fraud_score: ")
    assert "card.md' was altered" in said
    (card.parent / "manifest.note").unlink()
    upkeep().step()
    assert "is not signed" in told(bench)[1][1]
    card.write_bytes(content)
    bench.registry.sign(MODEL, "1", "human:root")
    assert upkeep().step() is None
    assert told(bench)[2][1].startswith("fraud_score: over: ")
    assert len(told(bench)) == 3


def test_a_training_that_fails(bench: Promoting) -> None:
    def train(like: ModelVersion, since: object) -> TrainedModel:
        raise ZeroDivisionError("of nothing")

    upkeep = ModelUpkeep(
        bench.resources, bench.registry, SqlOperations(bench.engine), bench.clock, train,
        catalog=lambda: bench.catalog, in_background=False,
    )  # fmt: skip
    bench.resources.patch(
        RESOURCE, {"trainings": 1}, expected_revision=1, idempotency_key="t", actor="service:worker", reason="test"
    )
    upkeep.step()
    assert told(bench) == [(RESOURCE, "fraud_score: ZeroDivisionError: of nothing")]


def test_an_endpoint_that_cannot_serve_what_is_asked_of_it(bench: Promoting) -> None:
    target = urn("endpoint", "fraud-br")
    spec = RolloutSpec(model=MODEL, champion="1", feature_service="fraud_v1")
    bench.resources.create(target, spec, tenant="br", actor="service:setup")
    for status in (
        {"replicas_ready": 2},
        {"replicas_ready": 0, "error": "it was altered"},
        {"error": "it was altered"},
    ):
        bench.resources.report_status(target, dict(status))
    bench.resources.report_status(target, {"replicas_ready": 2})
    assert told(bench) == [(target, "fraud-br: it was altered"), (target, "fraud-br: over: it was altered")]


def test_workers_that_contradict_each_other_do_not_flood_the_timeline(bench: Promoting) -> None:
    target = urn("endpoint", "fraud-br")
    spec = RolloutSpec(model=MODEL, champion="1", feature_service="fraud_v1")
    bench.resources.create(target, spec, tenant="br", actor="service:setup")

    def contradict() -> None:
        for _ in range(10):
            bench.resources.report_status(target, {"replicas_ready": 2})
            bench.resources.report_status(target, {"replicas_ready": 0, "error": "it cannot be read"})

    contradict()
    assert len(told(bench)) == 2 * MOST_ALIKE
    bench.resources.report_status(target, {"error": "something else"})
    assert told(bench)[-1] == (target, "fraud-br: something else"), "what is new is told"
    bench.clock.advance(2 * LATELY)
    contradict()
    assert told(bench), "and what was told long ago"
