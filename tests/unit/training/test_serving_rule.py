"""A rollout is no way around the gates: what may answer in production."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.engine import Engine

from foundation.clock import FixedClock
from foundation.errors import Conflict, NotFound
from foundation.ids import new_id
from platform_core.access.principals import Environment
from platform_core.operations.resources import RolloutSpec
from platform_core.operations.sql_resources import SqlResources
from platform_core.training.gates.serving_rule import EndpointAdmission
from tests.fakes.promoting import MODEL, Promoting

ENDPOINT = "urn:vigia:endpoint:fraud-br"
Patch = Callable[..., RolloutSpec]


@pytest.fixture
def bench(engine: Engine, clock: FixedClock, tmp_path: Path) -> Promoting:
    """Version 1 in production and champion, 2 in staging, 3 in dev."""
    bench = Promoting(engine, clock, tmp_path / "models")
    bench.registry.adopt(MODEL, bench.register(), "human:ana")
    bench.staged(seed=2)
    bench.register(seed=2)
    bench.under_control()
    return bench


def endpoint(bench: Promoting, environment: Environment = "production") -> Patch:
    rule = EndpointAdmission(bench.promotions)
    resources = SqlResources(bench.engine, bench.clock, bench.audit, admissions={"endpoint": rule})
    spec = RolloutSpec(model=MODEL, champion="1", feature_service="fraud_v1")
    resources.create(ENDPOINT, spec, tenant="br", environment=environment, actor="service:setup")

    def patch(**fields: Any) -> RolloutSpec:
        changed = resources.patch(
            ENDPOINT,
            fields,
            expected_revision=resources.get(ENDPOINT).revision,
            idempotency_key=new_id("test"),
            actor="service:worker",
            reason="test",
        )
        assert isinstance(changed.resource.spec, RolloutSpec)
        return changed.resource.spec

    return patch


def test_a_version_in_dev_answers_nobody(bench: Promoting) -> None:
    patch = endpoint(bench)
    with pytest.raises(Conflict, match="version 3 is in dev and cannot answer"):
        patch(canary="3", canary_percent=5)
    with pytest.raises(NotFound, match="no version '9'"):
        patch(canary="9", canary_percent=5)
    assert patch(canary="3", canary_percent=0).live_percent == 0, "who answers nobody may be looked at"
    with pytest.raises(Conflict, match="is in dev"):
        patch(canary_percent=5)
    assert patch(canary="2", canary_percent=5).live_percent == 5
    assert patch(shadows=("3",)).shadows == ("3",)


def test_a_champion_comes_from_production(bench: Promoting) -> None:
    patch = endpoint(bench)
    patch(canary="2", canary_percent=50)
    done = {"champion": "2", "canary": None, "canary_percent": 0, "previous_champion": "1"}
    with pytest.raises(Conflict, match="is not in production and cannot be a champion"):
        patch(**done)
    bench.set("2", bench.judge("2", "production").id)
    assert patch(**done).champion == "2"
    assert patch(champion="1", canary="2", canary_percent=20).champion == "1", "the way back is open"


@pytest.mark.parametrize("strategy", ["canary", "blue_green"])
def test_more_than_half_of_the_traffic_asks_for_a_review_that_stands(bench: Promoting, strategy: str) -> None:
    patch = endpoint(bench)
    everything = {"canary": "2", "canary_percent": 100, "strategy": strategy}
    with pytest.raises(Conflict, match=r"more than a trial.*never judged for production"):
        patch(**everything)
    if strategy == "canary":
        patch(canary="2", canary_percent=50)
        with pytest.raises(Conflict, match="more than a trial"):
            patch(canary_percent=51)
    bench.judge("2", "production", "failed")
    with pytest.raises(Conflict, match=r"more than a trial.*did not pass"):
        patch(**everything)
    bench.judge("2", "production")
    assert patch(**everything).live_percent == 100


def test_what_was_taken_out_of_production_is_champion_no_more(bench: Promoting) -> None:
    patch = endpoint(bench)
    bench.set("2", bench.judge("2", "production").id)
    bench.set("1", None)
    with pytest.raises(Conflict, match="version 2 is not in production and cannot be a champion"):
        patch(champion="2")
    with pytest.raises(Conflict, match="does not lead to version 2"):
        patch(previous_champion="2")


def test_what_was_replaced_may_lead_again(bench: Promoting) -> None:
    patch = endpoint(bench)
    bench.set("2", bench.judge("2", "production").id)
    assert patch(champion="2").previous_champion is None
    assert patch(champion="1").champion == "1", "which 2 replaced in the registry"


def test_other_changes_and_other_environments_are_nobodys_business(bench: Promoting) -> None:
    patch = endpoint(bench, "dev")
    assert patch(champion="3").champion == "3"
    assert patch(replicas=4).replicas == 4


def test_a_threshold_does_not_change_with_the_version_that_answers(bench: Promoting) -> None:
    """The review that lets it answer was made at the threshold that is there."""
    patch = endpoint(bench)
    bench.judge("2", "production")
    with pytest.raises(Conflict, match=r"version 2 was not judged at a decline threshold of 0\.9"):
        patch(canary="2", canary_percent=100, decline_threshold=0.9)
    assert patch(canary="2", canary_percent=100).live_percent == 100
    assert patch(decline_threshold=0.9).decline_threshold == 0.9, "what answers already may go on"
