"""The rollout actions beyond their contract: strategies, guards, what was halted, and the way back from a promotion."""

from __future__ import annotations

from typing import Any

import pytest

from foundation.errors import Conflict, InvalidInput
from platform_core.operations.resources import Resource, RolloutSpec
from tests.fakes.observed_platform import ObservedPlatform, observed_platform
from tools.act import actions

ENDPOINT = "urn:vigia:endpoint:fraud-br"


@pytest.fixture(scope="module")
def observed() -> ObservedPlatform:
    return observed_platform()


@pytest.fixture
def platform(observed: ObservedPlatform) -> ObservedPlatform:
    set_to(observed, canary=None, canary_percent=0, halted=None, previous_champion=None, strategy="canary")
    return observed


def set_to(platform: ObservedPlatform, **fields: Any) -> None:
    there: Resource = platform.resources.by_urn[ENDPOINT]
    spec = RolloutSpec.model_validate({**there.spec.model_dump(), **fields})
    platform.resources.by_urn[ENDPOINT] = there.model_copy(update={"spec": spec})


def planned(platform: ObservedPlatform, tool: str, **arguments: Any) -> dict[str, Any]:
    plan = actions(platform.resources, None, platform.view)[tool].plan({"endpoint": "fraud-br", **arguments})
    return {change.field: change.after for change in plan.changes}


def test_a_version_that_was_halted_comes_back_by_its_name_only(platform: ObservedPlatform) -> None:
    set_to(platform, canary="2", halted="2")
    assert planned(platform, "set_canary", version="2", percent=10) == {"canary_percent": 10, "halted": None}
    assert planned(platform, "set_canary", version="3", percent=10) == {"canary": "3", "canary_percent": 10}


def test_shares_that_a_strategy_does_not_have(platform: ObservedPlatform) -> None:
    for arguments in (
        {"version": "2", "percent": 60},
        {"version": "2", "percent": 5, "strategy": "shadow"},
        {"version": "2", "percent": 50, "strategy": "blue_green"},
    ):
        with pytest.raises(InvalidInput):
            planned(platform, "set_canary", **arguments)
    switch = planned(platform, "set_canary", version="2", percent=100, strategy="blue_green")
    assert switch == {"canary": "2", "canary_percent": 100, "strategy": "blue_green"}


def test_a_rollout_declares_its_guards(platform: ObservedPlatform) -> None:
    guards = [{"metric": "latency", "limit": 0.05, "threshold": 250}]
    planned_guards = planned(platform, "set_canary", version="2", percent=5, guards=guards)["guards"]
    assert planned_guards == [{"metric": "latency", "limit": 0.05, "threshold": 250.0}]
    with pytest.raises(InvalidInput, match="threshold"):
        planned(platform, "set_canary", version="2", percent=5, guards=[{"metric": "latency", "limit": 0.05}])


def test_the_way_back_from_a_promotion(platform: ObservedPlatform) -> None:
    set_to(platform, previous_champion="0")
    back = planned(platform, "rollback_rollout")
    assert back == {"champion": "0", "previous_champion": None, "halted": "1"}
    undo = actions(platform.resources, None, platform.view)["rollback_rollout"]
    assert undo.compensation({"endpoint": "fraud-br"}, undo.plan({"endpoint": "fraud-br"})) is None
    with pytest.raises(Conflict, match="is not what"):
        planned(platform, "reopen_rollout", champion="7")


def test_only_what_is_running_is_promoted(platform: ObservedPlatform) -> None:
    for fields in ({}, {"canary": "2"}, {"canary": "2", "halted": "2", "canary_percent": 20}):
        set_to(platform, **{"canary": None, "canary_percent": 0, **fields})
        with pytest.raises(Conflict, match="cannot promote"):
            planned(platform, "complete_rollout")
