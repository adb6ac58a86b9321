"""Every fault of the simulated company, from its alerts to a cause, an action, and the figures that show it worked."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from agents.diagnosis.engine import diagnose
from agents.diagnosis.probes import probes_for
from agents.diagnosis.proposals import propose
from agents.diagnosis.types import Diagnosis
from agents.evidence import Evidence
from guardrails.proposal import ActionProposal
from guardrails.redaction.engine import Redactor
from platform_core.simulation.faults import FAULTS
from platform_core.simulation.runtime import Simulation
from tests.fakes.conditions import holds
from tests.fakes.fault_alerts import ALERTS
from tests.fakes.simulated import forward, simulation
from tools.act import actions
from tools.registry import observe_tools
from tools.runner import ToolRunner

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

WITHIN = 25
"""Simulated minutes until the first alert."""
MENDED = 60
"""And until an action must have worked: the quietest tenant needs a while for the rows that show it."""
STEP = 3
"""Minutes of a tick while nothing but time is needed."""


@dataclass(frozen=True)
class Expected:
    tool: str
    target: str
    verdict: str = "cause"


EXPECTED = {
    "source_stopped": Expected("restart_connector", "urn:vigia:connector:payments_br"),
    "renamed_column": Expected("map_column", "urn:vigia:source:payments_mx"),
    "null_burst": Expected("rollback_deploy", "urn:vigia:deployment:ingest-co"),
    "unit_change": Expected("quarantine_source", "urn:vigia:source:payments_br"),
    "population_shift": Expected("rebaseline_monitor", "urn:vigia:monitor:drift-payments_ar-amount", "no_fault"),
    "bad_canary": Expected("rollback_rollout", "urn:vigia:endpoint:fraud-mx"),
    "online_store_slow": Expected("cancel_job", "urn:vigia:job:online-compaction"),
    "idle_endpoint": Expected("scale_endpoint", "urn:vigia:endpoint:fraud-legacy"),
}


def _investigate(running: Simulation) -> Diagnosis:
    alerts = running.runner.alerts
    calls = probes_for(alerts, running.view)
    runs = ToolRunner(running.view, observe_tools(), redact=Redactor(b"k" * 32).redact).run_all(calls)
    plain = ToolRunner(running.view, observe_tools()).run_all(calls)
    assert [r.observation for r in runs] == [r.observation for r in plain], "redaction garbles an observation"
    failed = [(r.tool, r.observation.note) for r in runs if r.observation.status == "error"]
    assert failed == []
    pieces = [
        Evidence(
            id=f"E{number}",
            incident_id="inc_1",
            tool=r.tool,
            arguments=r.arguments,
            observation=r.observation,
            digest=r.digest,
            collected_at=running.parts.clock.now(),
            wall_ms=r.wall_ms,
        )
        for number, r in enumerate(runs, 1)
    ]
    return diagnose(alerts, pieces)


def _mend(running: Simulation, proposal: ActionProposal) -> int | None:
    """Apply, and the minutes until every post-condition held; None when they did not. Without the action they do not
    hold: nothing is verified that nobody did."""
    for _ in range(2):
        assert not holds(running.view, *proposal.post_conditions)
        forward(running, STEP, step=STEP)
    _apply(running, proposal.tool, proposal.arguments, proposal.plan.target)
    for minute in range(STEP, MENDED + 1, STEP):
        forward(running, STEP, step=STEP)
        if holds(running.view, *proposal.post_conditions):
            return minute
    return None


def _apply(running: Simulation, tool: str, arguments: dict[str, Any], target: str) -> None:
    actions(running.parts.resources, running.parts.resources, running.view)[tool].apply(
        arguments,
        expected_revision=running.parts.resources.get(target).revision,
        idempotency_key=f"{tool} once",
        actor="service:worker",
        reason="test",
    )


@pytest.mark.parametrize("fault", sorted(EXPECTED))
def test_a_fault_is_found_and_mended(fault: str, past: Path, tmp_path: Path) -> None:
    with simulation(past, tmp_path / "run") as running:
        forward(running, 2)
        running.inject(fault)
        for _ in range(WITHIN):
            forward(running, 1)
            if running.runner.alerts:
                break
        forward(running, 1)
        raised = {(alert.kind, alert.subject) for alert in running.runner.alerts}
        assert raised <= ALERTS[fault], "a fault pages about what it broke, and about nothing else"
        diagnosis = _investigate(running)
        top = diagnosis.top
        assert top is not None
        assert top.cause == FAULTS[fault].cause
        assert top.confidence > 0.8
        assert diagnosis.verdict == EXPECTED[fault].verdict
        assert "unknown" not in top.title
        proposal = propose(
            diagnosis,
            actions(running.parts.resources, None, running.view),
            running.view.lineage,
            incident_id="inc_1",
            requested_by="agent:incident",
            clock=running.parts.clock,
        )
        assert proposal is not None
        assert (proposal.tool, proposal.plan.target) == (EXPECTED[fault].tool, EXPECTED[fault].target)
        assert proposal.post_conditions
        assert _mend(running, proposal) is not None
        if fault == "online_store_slow":
            _assert_undone(running, proposal)


def _assert_undone(running: Simulation, proposal: ActionProposal) -> None:
    """The cancelled compaction goes on when it is started again."""
    undo = proposal.compensation
    assert undo is not None
    start = actions(running.parts.resources, None, running.view)[undo.tool]
    conditions = start.post_conditions(undo.arguments, start.plan(undo.arguments))
    assert not holds(running.view, *conditions)
    _apply(running, undo.tool, undo.arguments, proposal.plan.target)
    assert not holds(running.view, *conditions), "it is asked to run; it does not yet"
    forward(running, 1)
    assert holds(running.view, *conditions)


def test_every_tenant_has_a_usual_to_compare_with(past: Path, tmp_path: Path) -> None:
    """Scored payments reach up to the present: a probe that asks for the last hours finds some for each endpoint."""
    with simulation(past, tmp_path / "run") as running:
        now = running.parts.clock.now()
        rows = running.view.predictions.read(now - timedelta(minutes=30), now)
    assert set(rows["endpoint"].to_pylist()) == {f"fraud-{tenant}" for tenant in ("br", "ar", "mx", "co")}


def test_every_fault_is_expected() -> None:
    assert set(EXPECTED) == {name for name in FAULTS if name != "none"}
