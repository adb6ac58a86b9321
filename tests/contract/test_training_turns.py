"""One training of the same thing at a time, on SQLite and PostgreSQL: a second process, a killed one, a paused one."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from contextlib import ExitStack
from datetime import datetime, timedelta

import pytest

from foundation.clock import FixedClock
from foundation.database import open_database
from foundation.ids import new_id
from platform_core.features.leases import LeaseHeld, SqlLeases
from platform_core.operations.resources import Resource
from platform_core.operations.sql_timeline import SqlOperations
from platform_core.running.models import ModelUpkeep
from platform_core.training.turns import Turns
from platform_core.training.types import ModelVersion, TrainedModel
from tests.fakes.at_once import at_once
from tests.fakes.inference import small_model
from tests.fakes.promoting import MODEL, RESOURCE, Promoting


def upkeep(bench: Promoting, train: Callable[[], object], leases: SqlLeases) -> ModelUpkeep:
    """A process that keeps models; `train` is told when it trains."""

    def trained(like: ModelVersion, since: datetime | None) -> TrainedModel:
        train()
        return small_model(2)

    operations = SqlOperations(leases._engine)
    return ModelUpkeep(
        bench.resources, bench.registry, operations, bench.clock, trained,
        catalog=lambda: bench.catalog, turns=Turns(leases), in_background=False,
    )  # fmt: skip


def ask_for_a_training(bench: Promoting, trainings: int = 1) -> None:
    fields: dict[str, object] = {"trainings": trainings}
    now = bench.resources.get(RESOURCE).revision
    bench.resources.patch(
        RESOURCE, fields, expected_revision=now, idempotency_key=new_id("test"), actor="service:worker", reason="test"
    )


def test_of_two_processes_one_trains_what_was_asked_for(bench: Promoting) -> None:
    ask_for_a_training(bench)
    calls: list[int] = []

    def train() -> None:
        calls.append(1)
        time.sleep(0.2)

    both = [upkeep(bench, train, SqlLeases(bench.engine)) for _ in range(2)]
    said = at_once(*(one.step for one in both))
    assert said == [None, None]
    both[0].step(), both[1].step()
    assert (len(calls), bench.stages()[3:]) == (1, ["dev"])
    assert bench.resources.get(RESOURCE).status["trainings"] == 1


def test_what_is_asked_for_during_a_training_waits_for_its_end(bench: Promoting) -> None:
    ask_for_a_training(bench)
    operations, calls = SqlOperations(bench.engine), list[str]()
    second = upkeep(bench, lambda: calls.append("second"), SqlLeases(bench.engine))

    def train() -> None:
        calls.append("first")
        ask_for_a_training(bench, 2)
        second.step()
        (run,) = operations.job_runs(bench.clock.now(), bench.clock.now())
        assert run.status == "running", "whoever trains is alive"

    upkeep(bench, train, SqlLeases(bench.engine)).step()
    assert (calls, bench.resources.get(RESOURCE).status["trainings"]) == (["first"], 1)
    second.step()
    second.step()
    assert (calls, bench.stages()[3:]) == (["first", "second"], ["dev", "dev"])
    assert bench.resources.get(RESOURCE).status["trainings"] == 2


def test_a_look_that_finds_nothing_new_undoes_no_report_of_another(
    bench: Promoting, monkeypatch: pytest.MonkeyPatch
) -> None:
    looking = upkeep(bench, lambda: None, SqlLeases(bench.engine))
    looking.step()
    get, reports = bench.resources.get, [{"trainings": 1}]

    def meanwhile(urn: str) -> Resource:
        seen = get(urn)
        if reports:
            bench.resources.report_status(urn, {**seen.status, **reports.pop()})
        return seen

    monkeypatch.setattr(bench.resources, "get", meanwhile)
    looking._report(RESOURCE, {"usable": True})
    assert get(RESOURCE).status["trainings"] == 1


def test_the_second_that_trains_by_a_plan_is_told_who_is_first(bench: Promoting) -> None:
    first, second = (Turns(SqlLeases(bench.engine, holder=f"the {name}")) for name in ("first", "second"))
    with first.held(MODEL, "plan 1a2b") as guard:
        with pytest.raises(
            LeaseHeld, match=r"the training of fraud_score for plan 1a2b is held by the first \(process"
        ):
            second.held(MODEL, "plan 1a2b").__enter__()
        with second.held(MODEL, "plan 3c4d"):
            bench.registry.register(small_model(1), MODEL, "human:ana", guard=guard)
    with second.held(MODEL, "plan 1a2b"):
        pass


def test_a_trainer_that_is_killed_is_succeeded_and_its_run_is_closed(bench: Promoting) -> None:
    ask_for_a_training(bench)
    url = bench.engine.url.render_as_string(hide_password=False)
    child = os.fork()
    if not child:
        try:
            own = open_database(url)
            mine = Promoting(own, bench.clock, bench.directory)
            upkeep(mine, lambda: os.kill(os.getpid(), signal.SIGKILL), SqlLeases(own)).step()
        finally:
            os._exit(1)
    assert os.WTERMSIG(os.waitpid(child, 0)[1]) == signal.SIGKILL
    operations = SqlOperations(bench.engine)
    (cut_off,) = operations.unfinished("urn:vigia:job:train-fraud_score", None)
    assert len(bench.stages()) == 3
    upkeep(bench, lambda: None, SqlLeases(bench.engine)).step()
    assert bench.stages()[3:] == ["dev"]
    runs = operations.job_runs(bench.clock.now(), bench.clock.now(), job=cut_off.job)
    assert {run.id == cut_off.id: run.status for run in runs} == {True: "failed", False: "succeeded"}
    assert "its process was killed" in str(next(run.error for run in runs if run.id == cut_off.id))


def test_a_trainer_that_was_paused_too_long_registers_nothing(bench: Promoting) -> None:
    ask_for_a_training(bench)
    wall = FixedClock(bench.clock.now())
    successor = Turns(SqlLeases(bench.engine, wall=wall))
    taken = ExitStack()

    def sleep_on() -> None:
        wall.advance(timedelta(minutes=5))
        taken.enter_context(successor.held(MODEL, "requests"))

    paused = upkeep(bench, sleep_on, SqlLeases(bench.engine, wall=wall))
    with taken:
        paused.step()
    assert len(bench.stages()) == 3
    (run,) = SqlOperations(bench.engine).job_runs(bench.clock.now(), bench.clock.now())
    assert (run.status, "is held by" in str(run.error)) == ("cancelled", True)
    assert bench.resources.get(RESOURCE).status.get("trainings", 0) == 0, "it is still to be done"
