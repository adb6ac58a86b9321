"""What a run of the demo says about the copilot, and what it says about the harness only.

`passed`; `agent_failed`: the copilot was wrong; `harness_failed`: the demo broke (a process died, time ran out, no
result), which says nothing about the copilot; `not_run`: nobody tried. Only the first two are counted.
"""

from __future__ import annotations

import json
from typing import Any, Literal

from pydantic import computed_field

from evals.scenario import Scenario
from foundation.frozen import Frozen

STORY_SECONDS, DIAGNOSIS_SECONDS, MEMORY_GB = 90.0, 5.0, 3.0
"""What the demo promises on a laptop: less than these."""

Outcome = Literal["passed", "agent_failed", "harness_failed", "not_run"]


class Score(Frozen):
    scenario: str
    difficulty: str
    outcome: Outcome
    problems: tuple[str, ...] = ()
    cause: str | None = None
    confidence: float | None = None
    alert_to_diagnosis: float | None = None
    approve_to_verified: float | None = None
    took: float | None = None
    """Seconds from the start of the demo to the end of its last process."""

    memory_gb: float | None = None
    """Peaks of all its processes together: more than was ever used at once."""

    @computed_field
    @property
    def exceeded(self) -> tuple[str, ...]:
        """The limits of the demo that this run did not keep. They do not change the outcome: machines differ."""
        found: list[str] = []
        for what, value, limit, unit in (
            ("story", self.took, STORY_SECONDS, "s"),
            ("alert to diagnosis", self.alert_to_diagnosis, DIAGNOSIS_SECONDS, "s"),
            ("memory", self.memory_gb, MEMORY_GB, "GB"),
        ):
            if value is not None and value >= limit:
                found.append(f"{what} {value:g} {unit}, limit {limit:g}")
        return tuple(found)


def score(name: str, scenario: Scenario, stdout: str, stderr: str) -> Score:
    """Judge one run by what it printed: the result is the last line of its output."""
    try:
        result: dict[str, Any] = json.loads(stdout.strip().splitlines()[-1])
    except (ValueError, IndexError):
        said = (stderr.strip().splitlines() or ["it said nothing"])[-1]
        return Score(scenario=name, difficulty=scenario.difficulty, outcome="harness_failed", problems=(said[:300],))
    found = _healthy(result) if scenario.cause is None else _broken(scenario, result)
    diagnosis = result["diagnosis"] or {}
    return Score(
        scenario=name,
        difficulty=scenario.difficulty,
        outcome="agent_failed" if found else "passed",
        problems=tuple(found),
        cause=diagnosis.get("cause"),
        confidence=diagnosis.get("confidence"),
        alert_to_diagnosis=result["seconds"]["alert_to_diagnosis"],
        approve_to_verified=result["seconds"]["approve_to_verified"],
    )


def _healthy(result: dict[str, Any]) -> list[str]:
    return [f"{len(result[what])} {what} on a healthy platform" for what in ("alerts", "incidents") if result[what]]


def _broken(scenario: Scenario, result: dict[str, Any]) -> list[str]:
    diagnosis, proposal, verification = result["diagnosis"], result["proposal"], result["verification"]
    if diagnosis is None:
        return ["no diagnosis was made"]
    found: list[str] = []
    if len(result["incidents"]) != 1:
        found.append(f"{len(result['incidents'])} incidents for one fault")
    if diagnosis["cause"] != scenario.cause:
        found.append(f"named {diagnosis['cause']}, it was {scenario.cause}")
    if diagnosis["verdict"] != scenario.verdict:
        found.append(f"verdict {diagnosis['verdict']}, not {scenario.verdict}")
    if (proposal or {}).get("tool") != scenario.tool:
        found.append(f"proposed {(proposal or {}).get('tool')}, not {scenario.tool}")
    if verification is None or not verification["verified"]:
        found.append("the action was not verified")
    if not result["audit"]["verified"]:
        found.append("the audit log does not verify")
    return found
