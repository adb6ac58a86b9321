"""The rollout's state machine, driven by random steps: whatever is done, in whatever order, these things hold."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from foundation.errors import Conflict, InvalidInput
from platform_core.operations.resources import RolloutSpec
from platform_core.operations.spec_patch import SPEC, patch_spec
from platform_core.operations.timeline import ChangeEvent
from platform_core.serving.rollout import choose
from platform_core.serving.rollouts import states
from platform_core.serving.rollouts.history import evidence_since, history
from platform_core.serving.rollouts.states import ALLOWED, state_of

CARDS = [f"card-{n}" for n in range(50)]
BEGAN = datetime(2026, 11, 19, tzinfo=UTC)
VERSIONS = st.sampled_from(["1", "2", "3", "4"])
PERCENTS = st.sampled_from([0, 5, 50, 100])
STRATEGIES = st.sampled_from(["canary", "shadow", "champion_challenger", "blue_green"])


def spec(**fields: Any) -> RolloutSpec:
    return RolloutSpec(model="fraud_score", champion="1", feature_service="fraud_v1", **fields)


class Rollouts(RuleBasedStateMachine):
    """The machine beside a model of it: who was champion, and which versions were halted and not let go on."""

    def __init__(self) -> None:
        super().__init__()
        self.spec = spec()
        self.events: list[ChangeEvent] = []
        self.approved = {"1"}

    def take(self, name: states.RolloutStep, step: Callable[[], states.Fields]) -> bool:
        before = self.spec
        allowed = name in ALLOWED[state_of(before)]
        try:
            fields = step()
        except Conflict:
            assert not allowed or name in ("advance", "roll_back")
            return False
        except InvalidInput:
            return False
        assert allowed
        if fields:
            patch = patch_spec(before, fields)
            assert isinstance(patch.spec, RolloutSpec)
            assert patch.before.keys() == {f for f in fields if patch.before[f] != patch.after[f]}, "only what changes"
            details = {"before": patch.before, "after": patch.after, "reason": name}
            at = BEGAN + timedelta(minutes=len(self.events))
            event = ChangeEvent(
                id=f"chg_{len(self.events)}", at=at, kind="rollout", subject="urn:vigia:endpoint:e", summary=name,
                author="human:a", details=details,
            )  # fmt: skip
            self.events.append(event)
            self.spec = patch.spec
        return True

    @rule(version=VERSIONS, percent=PERCENTS, strategy=STRATEGIES)
    def start(self, version: str, percent: int, strategy: Any) -> None:
        self.take("start", lambda: states.start(self.spec, version, strategy=strategy, percent=percent))

    @rule(percent=PERCENTS)
    def advance(self, percent: int) -> None:
        self.take("advance", lambda: states.advance(self.spec, percent))

    @rule()
    def halt(self) -> None:
        before = self.spec
        if self.take("halt", lambda: states.halt(before)):
            assert state_of(self.spec) == "halted"
            assert self.spec.champion == before.champion
            assert {choose("e", self.spec, card) for card in CARDS} == {"champion"}

    @rule(percent=PERCENTS)
    def resume(self, percent: int) -> None:
        self.take("resume", lambda: states.resume(self.spec, percent))

    @rule()
    def promote(self) -> None:
        candidate = self.spec.canary
        if self.take("promote", lambda: states.promote(self.spec)):
            assert candidate is not None
            self.approved.add(candidate)
            assert self.spec.champion == candidate

    @rule()
    def roll_back(self) -> None:
        was = self.spec
        if self.take("roll_back", lambda: states.roll_back(self.spec)):
            assert state_of(self.spec) == "none"
            assert self.spec.champion == (was.champion if was.canary else was.previous_champion)

    @invariant()
    def a_stored_spec_reads_back(self) -> None:
        assert SPEC.validate_python(self.spec.model_dump(mode="json")) == self.spec

    @invariant()
    def nobody_but_a_promoted_version_is_champion(self) -> None:
        assert self.spec.champion in self.approved

    @invariant()
    def what_the_workers_do_is_what_the_state_says(self) -> None:
        answered = {choose("e", self.spec, card) for card in CARDS}
        if state_of(self.spec) in ("none", "pending", "halted") or self.spec.strategy == "shadow":
            assert answered == {"champion"}
        if self.spec.live_percent == 100:
            assert answered == {"canary"}
        assert state_of(self.spec) != "halted" or self.spec.canary not in self.spec.shadow_versions

    @invariant()
    def the_history_agrees_with_the_spec(self) -> None:
        past = history(self.events)
        under_way = bool(past) and past[-1].outcome in ("under way", "halted")
        assert under_way == (self.spec.canary is not None)
        assert (evidence_since(past) is not None) == under_way
        if under_way:
            assert past[-1].version == self.spec.canary
            assert past[-1].strategy == self.spec.strategy
            assert (past[-1].outcome == "halted") == (state_of(self.spec) == "halted")
        assert sum(step.step == "promoted" for one in past for step in one.steps) >= len(self.approved) - 1


Rollouts.TestCase.settings = settings(max_examples=60, stateful_step_count=20, deadline=None)
test_random_steps = Rollouts.TestCase


def test_specs_of_before_are_read_as_they_were_meant() -> None:
    old = {"kind": "endpoint", "model": "m", "champion": "1", "canary": "2", "canary_percent": 20}
    read = SPEC.validate_python({**old, "feature_service": "f", "decline_threshold": 0.5, "replicas": 2})
    assert isinstance(read, RolloutSpec)
    assert (state_of(read), read.live_percent, read.shadow_versions, read.versions) == ("running", 20, (), ("1", "2"))


def test_a_halted_version_stays_halted_whatever_its_percent_says() -> None:
    halted = spec(canary="2", canary_percent=50, halted="2")
    assert state_of(halted) == "halted"
    assert {choose("e", halted, card) for card in CARDS} == {"champion"}
    assert state_of(spec(canary="3", canary_percent=50, halted="2")) == "running"


@pytest.mark.parametrize(
    ("strategy", "percent", "beside"),
    [("canary", 20, ()), ("shadow", 0, ("2",)), ("champion_challenger", 50, ("1", "2")), ("blue_green", 0, ("1", "2"))],
)
def test_who_scores_beside(strategy: str, percent: int, beside: tuple[str, ...]) -> None:
    assert spec(canary="2", canary_percent=percent, strategy=strategy).shadow_versions == beside
    assert spec(canary="2", strategy=strategy, halted="2").shadow_versions == ()
    assert spec(canary="2", strategy=strategy, shadows=("7",)).shadow_versions[-1] == "7"


@pytest.mark.parametrize(
    "fields",
    [
        {"strategy": "shadow", "canary_percent": 5},
        {"strategy": "blue_green", "canary_percent": 50},
        {"guards": ({"metric": "latency", "limit": 0.05},)},
        {"guards": ({"metric": "score", "limit": 1.5},)},
        {"guards": ({"metric": "errors", "limit": 0.1, "threshold": 3},)},
    ],
)
def test_specs_that_make_no_sense_are_refused(fields: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="validation error"):
        spec(canary="2", **fields)
