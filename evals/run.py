"""`make evals`: every scenario through the demo, one after the other, and a table of what came of it.

Exit code 0 when no scenario ran wrong, 1 when the copilot failed one, 3 when the harness failed.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from evals.scenario import Scenario, load_scenarios
from evals.scoring import Score, score
from evals.watched import run_watched
from foundation.errors import VigiaError
from interfaces.terminal.output import print_json, print_table

TIMEOUT_SECONDS = 420


def run_scenario(name: str, scenario: Scenario, *, seed: int) -> Score:
    with tempfile.TemporaryDirectory(prefix="vigia-eval-") as directory:
        command = [
            sys.executable, "-m", "interfaces.cli", "demo", "--json", "--approve-as", "alice",
            "--fault", scenario.fault, "--seed", str(seed), "--data-dir", str(Path(directory) / "data"),
        ]  # fmt: skip
        run = run_watched(command, timeout=TIMEOUT_SECONDS)
    if run.timed_out:
        reason = f"no end within {TIMEOUT_SECONDS} s"
        return Score(scenario=name, difficulty=scenario.difficulty, outcome="harness_failed", problems=(reason,))
    judged = score(name, scenario, run.stdout, run.stderr)
    return judged.model_copy(update={"took": round(run.seconds, 1), "memory_gb": round(run.peak_bytes / 1e9, 2)})


def main() -> int:
    parser = argparse.ArgumentParser(prog="evals", description=__doc__)
    parser.add_argument("scenarios", nargs="*", help="names; all of them by default")
    parser.add_argument("--seed", type=int, default=7, help="of the simulated company")
    parser.add_argument("--json", action="store_true", help="print the scores as JSON")
    arguments = parser.parse_args()
    known = load_scenarios()
    unknown = sorted(set(arguments.scenarios) - set(known))
    if unknown:
        parser.error(f"no scenario {', '.join(unknown)}; there are {', '.join(known)}")
    scores: list[Score] = []
    for name, scenario in known.items():
        if arguments.scenarios and name not in arguments.scenarios:
            scores.append(Score(scenario=name, difficulty=scenario.difficulty, outcome="not_run"))
            continue
        scores.append(run_scenario(name, scenario, seed=arguments.seed))
        sys.stderr.write(f"{name}: {scores[-1].outcome}\n")
    _report(scores, json=arguments.json)
    outcomes = {each.outcome for each in scores}
    return 3 if "harness_failed" in outcomes else 1 if "agent_failed" in outcomes else 0


def _report(scores: list[Score], *, json: bool) -> None:
    ran = [each for each in scores if each.outcome in ("passed", "agent_failed")]
    passed = sum(each.outcome == "passed" for each in ran)
    within = sum(not each.exceeded for each in ran)
    if json:
        print_json({"passed": passed, "counted": len(ran), "within_limits": within, "scores": scores})
        return
    rows = [
        (
            each.scenario,
            each.difficulty,
            each.outcome,
            each.cause,
            each.confidence,
            each.alert_to_diagnosis,
            each.approve_to_verified,
            each.took,
            each.memory_gb,
            "; ".join(each.exceeded) or ("kept" if each in ran else ""),
            "; ".join(each.problems),
        )
        for each in scores
    ]
    columns = (
        "scenario", "difficulty", "outcome", "named", "confidence", "diagnosis s", "mended s", "story s", "memory GB",
        "limits", "problems",
    )  # fmt: skip
    print_table(f"{passed} of {len(ran)} passed, {within} within the limits", columns, rows, empty="no scenario")


if __name__ == "__main__":
    try:
        sys.exit(main())
    except VigiaError as error:
        sys.stderr.write(f"evals: {error}\n")
        sys.exit(2)
