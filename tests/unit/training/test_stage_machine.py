"""Stages under any order of moves: whatever is in production earned it, and registry and control plane agree."""

from __future__ import annotations

import shutil
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import ClassVar

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from foundation.clock import FixedClock
from foundation.database import open_database, reading
from foundation.errors import Conflict, Forbidden, InvalidInput, NotFound
from platform_core.training.gates import reviews
from platform_core.training.gates.policy import GatePolicy
from platform_core.training.gates.verdicts import Outcome
from platform_core.training.moves import places
from platform_core.training.stages import NEEDS_GATES, TRANSITIONS, require_climb, require_step
from platform_core.training.tables import model_transitions
from platform_core.training.types import Stage
from tests.conftest import NIGHT
from tests.fakes.bypass import undurable
from tests.fakes.promoting import MODEL, Promoting

VERSIONS = ("1", "2", "3")
STAGES: tuple[Stage, ...] = ("dev", "staging", "production")
POLICIES = (GatePolicy(), GatePolicy.model_validate({"bias": {"max_ratio": 3}}))
REFUSALS = (Conflict, Forbidden, InvalidInput, NotFound)


@pytest.mark.parametrize("was", STAGES)
@pytest.mark.parametrize("becomes", STAGES)
def test_every_step_is_in_the_table_or_refused(was: Stage, becomes: Stage) -> None:
    if becomes in TRANSITIONS[was]:
        require_step("it", was, becomes)
    else:
        with pytest.raises(Conflict, match=f"is in {was} and cannot go to {becomes}"):
            require_step("it", was, becomes)


def test_gates_stand_before_every_step_up_and_before_no_step_down() -> None:
    up = {(was, becomes) for was in STAGES for becomes in TRANSITIONS[was] if STAGES.index(becomes) > STAGES.index(was)}
    assert up == NEEDS_GATES
    for was in STAGES:
        for target in STAGES:
            if (was, target) not in up:
                with pytest.raises(Conflict, match="cannot be promoted"):
                    require_climb("it", was, target)


class Stages(RuleBasedStateMachine):
    """People, the executor and an intruder do what they like; refusals are ignored."""

    template: ClassVar[Path]
    scratch: ClassVar[Path]

    def __init__(self) -> None:
        super().__init__()
        self.directory = Path(tempfile.mkdtemp(dir=self.scratch)) / "platform"
        shutil.copytree(self.template, self.directory)
        self.engine = open_database(f"sqlite:///{self.directory / 'vigia.db'}")
        self.durable = undurable(self.engine)
        self.durable.__enter__()
        self.bench = Promoting(self.engine, FixedClock(NIGHT), self.directory / "models")
        self.reviews: list[str] = []
        self.tampered: set[str] = set()

    def teardown(self) -> None:
        self.durable.__exit__(None, None, None)
        shutil.rmtree(self.directory)

    @rule(version=st.sampled_from(VERSIONS), to=st.sampled_from(STAGES[1:]), good=st.booleans())
    def judge(self, version: str, to: Stage, good: bool) -> None:
        outcome: Outcome = "passed" if good else "failed"
        self.reviews.append(self.bench.judge(version, to, outcome).id)

    @rule(version=st.sampled_from(VERSIONS))
    def stage(self, version: str) -> None:
        self._try(lambda: self.bench.to_staging(version))

    @rule(version=st.sampled_from(VERSIONS))
    def move_low(self, version: str) -> None:
        """By the registry itself, which asks no gates."""
        self._try(lambda: self.bench.registry.demote(MODEL, version, "human:mallory"))

    @rule(version=st.sampled_from((*VERSIONS, None)), pick=st.integers(0, 20), none=st.booleans())
    def patch(self, version: str | None, pick: int, none: bool) -> None:
        review = None if none or not self.reviews else self.reviews[-1 - pick % len(self.reviews)]
        self._try(lambda: self.bench.set(version, review))

    @rule(version=st.sampled_from(VERSIONS))
    def earn_it(self, version: str) -> None:
        """The honest way, whole: so that long runs get somewhere."""
        self._try(lambda: (self.bench.judge(version, "staging"), self.bench.to_staging(version)))
        self._try(lambda: self.bench.set(version, self.bench.judge(version, "production").id))

    @rule(policy=st.sampled_from(POLICIES))
    def change_policy(self, policy: GatePolicy) -> None:
        self.bench.use(policy)

    @rule(version=st.sampled_from(VERSIONS))
    def tamper(self, version: str) -> None:
        if version not in self.tampered and self.bench.registry.get(MODEL, version).stage != "production":
            self.bench.tamper(version)
            self.tampered.add(version)

    @invariant()
    def one_at_most_is_in_production_and_both_say_which(self) -> None:
        with reading(self.engine) as connection:
            there = [place.version for place in places(connection, MODEL) if place.stage == "production"]
        assert there == [v for v in (self.bench.spec.production,) if v is not None]
        assert not set(there) & self.tampered

    @invariant()
    def every_way_into_production_was_earned(self) -> None:
        with reading(self.engine) as connection:
            moves = connection.execute(sa.select(model_transitions).order_by(model_transitions.c.at)).all()
            for move in moves:
                if move.from_stage is None:
                    continue
                require_step("it", move.from_stage, move.to_stage)
                if move.to_stage != "production":
                    continue
                review = reviews.read(connection, move.review)
                assert review.passed
                assert (review.version, review.to_stage) == (str(move.version), "production")

    @invariant()
    def what_came_by_a_review_replaced_its_champion(self) -> None:
        with reading(self.engine) as connection:
            for move in connection.execute(sa.select(model_transitions)).all():
                if move.instead_of is not None:
                    assert reviews.read(connection, move.review).champion == str(move.instead_of)

    def _try(self, call: object) -> None:
        assert callable(call)
        with suppress(*REFUSALS):
            call()


@pytest.fixture
def machine(migrated_database: Path, tmp_path: Path) -> type[Stages]:
    """Three versions in dev, made once: a run begins with a copy."""
    template = tmp_path / "template"
    template.mkdir()
    shutil.copyfile(migrated_database, template / "vigia.db")
    engine = open_database(f"sqlite:///{template / 'vigia.db'}")
    bench = Promoting(engine, FixedClock(NIGHT), template / "models")
    for _ in VERSIONS:
        bench.register()
    bench.under_control()
    engine.dispose()
    Stages.template, Stages.scratch = template, tmp_path
    return Stages


def test_no_order_of_moves_leads_past_the_gates(machine: type[Stages]) -> None:
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=10, stateful_step_count=12, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )
