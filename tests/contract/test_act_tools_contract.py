"""What every action promises. The target is a control plane in memory that keeps the port's own promises."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pyarrow as pa
import pyarrow.compute
import pytest

from foundation.errors import Conflict, Forbidden, InvalidInput, NotFound
from guardrails.executor.port import Action
from platform_core.operations.resources import Spec
from platform_core.urn import urn
from tests.fakes.act_cases import CASES, ENDPOINT, NAMES, SOURCE, Case, prepared
from tests.fakes.conditions import holds
from tests.fakes.observed_platform import NOW, ONSET, ObservedPlatform, observed_platform
from tools.act import actions
from tools.registry import observe_tools

TARGET_ARGUMENTS = ("source", "service", "monitor", "endpoint", "job", "model")


@dataclass
class Bench:
    platform: ObservedPlatform
    case: Case
    action: Action

    def spec(self) -> Spec:
        return self.platform.resources.get(self.case.target).spec

    def apply(self, key: str = "key-1", *, revision: int | None = None) -> Any:
        revision = self.platform.resources.get(self.case.target).revision if revision is None else revision
        return self.action.apply(
            self.case.arguments, expected_revision=revision, idempotency_key=key, actor="service:worker", reason="test"
        )


@pytest.fixture
def bench(name: str, fresh: ObservedPlatform) -> Bench:
    case = CASES[name]
    resources = fresh.resources
    resources.by_urn[case.target] = prepared(case, resources.get(case.target))
    return Bench(fresh, case, actions(resources, resources, fresh.view)[name])


@pytest.fixture(scope="module")
def planted() -> ObservedPlatform:
    platform = observed_platform()
    platform.plant("br", lambda rows: rows.rename_columns([_renamed(c) for c in rows.column_names]))
    return platform


@pytest.fixture
def fresh(planted: ObservedPlatform) -> ObservedPlatform:
    """The same data with resources as at first."""
    resources = observed_resources()
    planted.resources.by_urn, planted.resources.changes = dict(resources), {}
    return planted


def observed_resources() -> dict[str, Any]:
    return _RESOURCES


_RESOURCES = dict(observed_platform().resources.by_urn)


def _renamed(column: str) -> str:
    return "device_fingerprint" if column == "device_id" else column


def test_every_action_has_a_case() -> None:
    assert sorted(CASES) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_a_plan_changes_nothing_and_says_all(name: str, bench: Bench) -> None:
    before = bench.platform.resources.get(bench.case.target)
    plan = bench.action.plan(bench.case.arguments)
    assert bench.platform.resources.get(bench.case.target) == before
    assert {c.field: c.after for c in plan.changes} == bench.case.fields
    assert {c.field: c.before for c in plan.changes} == {
        f: before.spec.model_dump(mode="json")[f] for f in bench.case.fields
    }
    assert (plan.target, plan.target_revision) == (before.urn, before.revision)
    assert (plan.environment, plan.tenant) == (before.environment, before.tenant)
    assert plan.summary
    assert plan.expected_effect


@pytest.mark.parametrize("name", NAMES)
def test_apply_changes_exactly_what_was_planned(name: str, bench: Bench) -> None:
    others = {k: r for k, r in bench.platform.resources.by_urn.items() if k != bench.case.target}
    before = bench.spec().model_dump(mode="json")
    receipt = bench.apply()
    after = bench.spec().model_dump(mode="json")
    assert {k: v for k, v in after.items() if before[k] != v} == bench.case.fields
    assert {k: r for k, r in bench.platform.resources.by_urn.items() if k != bench.case.target} == others
    assert receipt.target == bench.case.target
    assert receipt.revision == bench.platform.resources.get(bench.case.target).revision
    assert not receipt.replayed


@pytest.mark.parametrize("name", NAMES)
def test_the_compensation_restores_the_spec(name: str, bench: Bench) -> None:
    before = bench.spec()
    plan = bench.action.plan(bench.case.arguments)
    undo = bench.action.compensation(bench.case.arguments, plan)
    bench.apply()
    if undo is None:
        assert name in {"restart_connector", "retrain_model"}, "there is nothing to undo about a restart or a training"
        return
    reverse = actions(bench.platform.resources, bench.platform.resources, bench.platform.view)[undo.tool]
    revision = bench.platform.resources.get(bench.case.target).revision
    assert reverse.plan(undo.arguments).target == bench.case.target
    reverse.apply(undo.arguments, expected_revision=revision, idempotency_key="undo", actor="service:worker", reason="")
    assert bench.spec() == before


@pytest.mark.parametrize("name", NAMES)
def test_the_same_key_twice_is_one_change(name: str, bench: Bench) -> None:
    revision = bench.platform.resources.get(bench.case.target).revision
    first = bench.apply(revision=revision)
    again = bench.apply(revision=revision)
    assert again.replayed
    assert again.revision == first.revision == revision + 1
    assert len(bench.platform.resources.changes) == 1
    found = bench.action.find("key-1")
    assert found is not None
    assert found.change_event_id == first.change_event_id
    assert bench.action.find("key-2") is None


@pytest.mark.parametrize("name", NAMES)
def test_a_moved_target_is_a_conflict(name: str, bench: Bench) -> None:
    before = bench.spec()
    with pytest.raises(Conflict, match="revision"):
        bench.apply(revision=1)
    assert bench.spec() == before


@pytest.mark.parametrize("name", NAMES)
def test_a_plan_that_would_change_nothing_is_refused(name: str, bench: Bench) -> None:
    bench.apply()
    bench.platform.resources.report(bench.case.target, state="running")  # a restarted connector runs
    with pytest.raises(Conflict):
        bench.action.plan(bench.case.arguments)


@pytest.mark.parametrize("name", NAMES)
def test_an_unknown_target_is_not_found(name: str, bench: Bench) -> None:
    arguments = dict(bench.case.arguments)
    argument = next(a for a in TARGET_ARGUMENTS if a in arguments)
    arguments[argument] = "nowhere"
    with pytest.raises(NotFound):
        bench.action.plan(arguments)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("wrong", [{}, {"surplus": 1}, {"source": 3}, {"endpoint": ["a"]}])
def test_wrong_arguments_are_invalid_input(name: str, bench: Bench, wrong: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput, match=name):
        bench.action.plan(wrong)
    if wrong:
        with pytest.raises(InvalidInput, match=name):
            bench.action.plan({**bench.case.arguments, **wrong})


@pytest.mark.parametrize("name", NAMES)
def test_without_a_writer_it_plans_only(name: str, bench: Bench) -> None:
    planner = actions(bench.platform.resources, None, bench.platform.view)[name]
    assert planner.plan(bench.case.arguments) == bench.action.plan(bench.case.arguments)
    before = bench.spec()
    with pytest.raises(Forbidden):
        planner.apply(bench.case.arguments, expected_revision=3, idempotency_key="k", actor="service:x", reason="")
    with pytest.raises(Forbidden):
        planner.find("k")
    assert bench.spec() == before


@pytest.mark.parametrize("name", NAMES)
def test_post_conditions_read_figures_that_exist(name: str, bench: Bench) -> None:
    plan = bench.action.plan(bench.case.arguments)
    conditions = bench.action.post_conditions(bench.case.arguments, plan)
    assert conditions
    for condition in conditions:
        tool = observe_tools()[condition.tool]
        tool.arguments.model_validate(condition.arguments)
        documented = [re.sub(r"<\w+>", r"\\w+", key) for key in tool.figures]  # type: ignore[attr-defined]
        assert any(re.fullmatch(pattern, condition.figure) for pattern in documented)
        assert condition.within_seconds > 0
        assert condition.description


@pytest.mark.parametrize("name", NAMES)
def test_what_verifies_it_does_not_hold_before_it_is_done(name: str, bench: Bench) -> None:
    """Otherwise doing nothing would count as having worked."""
    plan = bench.action.plan(bench.case.arguments)
    assert not holds(bench.platform.view, *bench.action.post_conditions(bench.case.arguments, plan))


def test_a_mapping_to_a_column_that_is_not_new_is_refused(fresh: ObservedPlatform) -> None:
    action = actions(fresh.resources, None, fresh.view)["map_column"]
    for stored in ("card_id", "event_ts", "nowhere", "amount"):
        with pytest.raises(InvalidInput, match="not a new column"):
            action.plan({"source": "payments_br", "column": "device_id", "stored_as": stored})
    with pytest.raises(InvalidInput, match=r"string, .amount. is double"):
        action.plan({"source": "payments_br", "column": "amount", "stored_as": "device_fingerprint"})
    with pytest.raises(NotFound):
        action.plan({"source": "payments_br", "column": "nowhere", "stored_as": "device_fingerprint"})


def test_only_known_versions_can_be_deployed(fresh: ObservedPlatform) -> None:
    action = actions(fresh.resources, None, fresh.view)["rollback_deploy"]
    bad = {"service": "ingest-br", "bad_version": "4.6.2"}
    with pytest.raises(InvalidInput, match="not a known version"):
        action.plan({**bad, "version": "9.9.9"})
    with pytest.raises(InvalidInput):
        action.plan({**bad, "version": "4.6.1; rm -rf /"})


def test_a_rollback_that_somebody_did_already_does_not_roll_forward(fresh: ObservedPlatform) -> None:
    """A swap of the present and the previous version would bring the bad one back."""
    rollback = actions(fresh.resources, fresh.resources, fresh.view)["rollback_deploy"]
    arguments = {"service": "ingest-br", "bad_version": "4.6.2"}
    rollback.apply(arguments, expected_revision=3, idempotency_key="by hand", actor="human:ana", reason="")
    with pytest.raises(Conflict, match=r"runs 4\.6\.1, not 4\.6\.2"):
        rollback.plan(arguments)
    with pytest.raises(Conflict):
        rollback.apply(arguments, expected_revision=4, idempotency_key="agent", actor="service:worker", reason="")
    assert fresh.resources.get(urn("deployment", "ingest-br")).spec.model_dump()["version"] == "4.6.1"


def test_times_in_the_future_or_without_a_zone_are_refused(fresh: ObservedPlatform) -> None:
    quarantine = actions(fresh.resources, None, fresh.view)["quarantine_source"]
    future = (fresh.clock.now() + timedelta(minutes=1)).isoformat()
    with pytest.raises(InvalidInput, match="future"):
        quarantine.plan({"source": "payments_br", "since": future})
    with pytest.raises(InvalidInput, match="zone"):
        quarantine.plan({"source": "payments_br", "since": "2026-11-19T05:00:00"})


def test_a_quarantine_that_was_moved_earlier_is_moved_back_and_not_released(fresh: ObservedPlatform) -> None:
    quarantine = actions(fresh.resources, fresh.resources, fresh.view)["quarantine_source"]
    first, second = ({"source": "payments_br", "since": (ONSET - timedelta(minutes=m)).isoformat()} for m in (10, 30))
    quarantine.apply(first, expected_revision=3, idempotency_key="1", actor="human:ana", reason="")
    before = fresh.resources.get(SOURCE).spec
    with pytest.raises(Conflict):
        quarantine.plan(first)
    undo = quarantine.compensation(second, quarantine.plan(second))
    quarantine.apply(second, expected_revision=4, idempotency_key="2", actor="service:worker", reason="")
    with pytest.raises(Conflict):
        quarantine.plan(first)
    assert undo is not None
    reverse = actions(fresh.resources, fresh.resources, fresh.view)[undo.tool]
    reverse.apply(undo.arguments, expected_revision=5, idempotency_key="3", actor="service:worker", reason="")
    assert fresh.resources.get(SOURCE).spec == before


def test_scaling_is_verified_by_the_latency_of_requests_since(fresh: ObservedPlatform) -> None:
    scale = actions(fresh.resources, fresh.resources, fresh.view)["scale_endpoint"]
    arguments = {"endpoint": "fraud-br", "replicas": 1}
    conditions = scale.post_conditions(arguments, scale.plan(arguments))
    scale.apply(arguments, expected_revision=3, idempotency_key="k", actor="service:worker", reason="")
    fresh.resources.report(ENDPOINT, replicas_ready=1)
    assert not holds(fresh.view, *conditions), "no request was answered since"
    since = NOW - timedelta(minutes=9)
    fresh.resources.by_urn[ENDPOINT] = fresh.resources.get(ENDPOINT).model_copy(update={"updated_at": since})
    assert holds(fresh.view, *conditions)
    fast = fresh.predictions.rows
    slow = pa.compute.multiply(fast["latency_ms"], 100.0)  # type: ignore[attr-defined]
    fresh.replant_predictions(fast.set_column(fast.schema.get_field_index("latency_ms"), "latency_ms", slow))
    assert not holds(fresh.view, *conditions)
    fresh.replant_predictions(fast)
