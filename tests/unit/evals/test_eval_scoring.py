"""Scores tell the copilot's mistakes from the harness's, and the scenarios cover the faults."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from agents.diagnosis.causes import causes
from evals.scenario import load_scenarios
from evals.scoring import score
from foundation.errors import InvalidInput
from platform_core.simulation.faults import FAULTS
from tools.act import action_types

SCENARIOS = load_scenarios()


def result(**changes: Any) -> str:
    told = {
        "alerts": [{}],
        "incidents": [{}],
        "diagnosis": {"cause": "unit_change", "verdict": "cause", "confidence": 0.98},
        "proposal": {"tool": "quarantine_source"},
        "verification": {"verified": True},
        "audit": {"entries": 9, "verified": True},
        "seconds": {"boot": 20, "alert_to_diagnosis": 1.0, "approve_to_verified": 2.0},
    }
    return "progress\n" + json.dumps(told | changes)


def test_every_fault_has_a_scenario_that_agrees_with_it() -> None:
    assert {s.fault for s in SCENARIOS.values()} == set(FAULTS)
    for scenario in SCENARIOS.values():
        assert scenario.cause == FAULTS[scenario.fault].cause
        assert scenario.cause is None or scenario.cause in causes()
        assert scenario.tool is None or scenario.tool in action_types()


def test_a_good_run_passes() -> None:
    told = score("unit_change", SCENARIOS["unit_change"], result(), "")
    assert (told.outcome, told.problems, told.confidence) == ("passed", (), 0.98)


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"diagnosis": None}, "no diagnosis"),
        ({"incidents": [{}, {}]}, "2 incidents"),
        ({"diagnosis": {"cause": "null_burst", "verdict": "cause", "confidence": 0.5}}, "named null_burst"),
        ({"proposal": None}, "proposed None"),
        ({"verification": {"verified": False}}, "not verified"),
        ({"audit": {"entries": 9, "verified": False}}, "audit log"),
    ],
)
def test_a_wrong_run_is_the_agents(changes: dict[str, Any], problem: str) -> None:
    told = score("unit_change", SCENARIOS["unit_change"], result(**changes), "")
    assert told.outcome == "agent_failed"
    assert any(problem in each for each in told.problems)


def test_a_false_alarm_on_the_healthy_control_is_the_agents() -> None:
    assert score("none", SCENARIOS["none"], result(), "").outcome == "agent_failed"
    quiet = result(alerts=[], incidents=[], diagnosis=None, proposal=None, verification=None)
    assert score("none", SCENARIOS["none"], quiet, "").outcome == "passed"


@pytest.mark.parametrize("stdout", ["", "no result\n", "{broken"])
def test_a_run_without_a_result_is_the_harness_s(stdout: str) -> None:
    told = score("none", SCENARIOS["none"], stdout, "vigia: the serving process ended with exit code 1")
    assert told.outcome == "harness_failed"
    assert "serving process" in told.problems[0]


def test_a_broken_scenario_is_named(tmp_path: Path) -> None:
    (tmp_path / "odd.yaml").write_text("fault: x\n")
    with pytest.raises(InvalidInput, match=r"odd\.yaml"):
        load_scenarios(tmp_path)
