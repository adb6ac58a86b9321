"""What every observe tool promises, whoever wrote it."""

from __future__ import annotations

import json
import re
import time

import pytest

from foundation.canonical import digest
from guardrails.redaction.engine import Redactor
from tests.fakes.observed_platform import ObservedPlatform, observed_platform
from tools.answers import MAX_POINTS, MAX_SERIES, MAX_TEXT
from tools.contract import ToolArguments
from tools.registry import observe_tools
from tools.runner import ToolRun, ToolRunner

NAMES = sorted(observe_tools())

HERE: dict[str, dict[str, object]] = {
    "rollout_status": {"endpoint": "fraud-br"},
    "usage_cost": {"endpoint": "fraud-br"},
    "schema_diff": {"source": "payments_br"},
    "rows_since_change": {
        "source": "payments_br",
        "changed": "urn:vigia:deployment:ingest-br",
        "usual_until": "2026-11-19T05:36:00Z",
    },
    "source_quality": {"source": "payments_br"},
    "job_history": {"job": "urn:vigia:job:materialize-card_velocity", "tenant": "br"},
}
"""Where the documented example names something that this platform does not have."""


@pytest.fixture(scope="module")
def platform() -> ObservedPlatform:
    return observed_platform()


@pytest.fixture(scope="module")
def runs(platform: ObservedPlatform) -> dict[str, ToolRun]:
    runner = ToolRunner(platform.view, observe_tools())
    return {name: runner.run(name, HERE.get(name, observe_tools()[name].example)) for name in NAMES}


@pytest.mark.parametrize("name", NAMES)
def test_it_is_declared_in_full(name: str) -> None:
    tool = observe_tools()[name]
    assert tool.name == name
    assert len(tool.summary) > 20
    assert issubclass(tool.arguments, ToolArguments)
    tool.arguments.model_validate(tool.example)


@pytest.mark.parametrize("name", NAMES)
def test_it_answers(name: str, runs: dict[str, ToolRun]) -> None:
    observation = runs[name].observation
    assert observation.status in {"success", "no_data"}, observation
    assert 0 < len(observation.summary) <= MAX_TEXT
    assert observation.figures


@pytest.mark.parametrize("name", NAMES)
def test_every_figure_is_documented(name: str, runs: dict[str, ToolRun]) -> None:
    documented = observe_tools()[name].figures  # type: ignore[attr-defined]
    patterns = [re.compile(re.sub(r"<\w+>", r"\\w+", key)) for key in documented]
    undocumented = [f for f in runs[name].observation.figures if not any(p.fullmatch(f) for p in patterns)]
    assert undocumented == []


@pytest.mark.parametrize("name", NAMES)
def test_its_answer_is_small_and_digested(name: str, runs: dict[str, ToolRun]) -> None:
    run = runs[name]
    body = run.observation.model_dump(mode="json")
    assert len(json.dumps(body)) < 20_000
    assert run.digest == digest({"tool": name, "arguments": run.arguments, "observation": body})
    if run.observation.chart is not None:
        assert len(run.observation.chart.series) <= MAX_SERIES
        assert all(len(series.points) <= MAX_POINTS for series in run.observation.chart.series)


@pytest.mark.parametrize("name", NAMES)
def test_asking_twice_gives_the_same_answer(name: str, runs: dict[str, ToolRun], platform: ObservedPlatform) -> None:
    again = ToolRunner(platform.view, observe_tools()).run(name, runs[name].arguments)
    assert (again.digest, again.arguments) == (runs[name].digest, runs[name].arguments)


@pytest.mark.parametrize("name", NAMES)
def test_redaction_leaves_names_times_and_versions_alone(
    name: str, runs: dict[str, ToolRun], platform: ObservedPlatform
) -> None:
    runner = ToolRunner(platform.view, observe_tools(), redact=Redactor(b"k" * 32).redact)
    redacted = runner.run(name, runs[name].arguments)
    assert redacted.observation == runs[name].observation
    assert redacted.arguments == runs[name].arguments


@pytest.mark.parametrize("name", NAMES)
def test_it_changes_nothing(name: str, platform: ObservedPlatform) -> None:
    before = dict(platform.resources.by_urn), platform.offline.appends, len(platform.operations.events)
    ToolRunner(platform.view, observe_tools()).run(name, HERE.get(name, observe_tools()[name].example))
    assert before == (dict(platform.resources.by_urn), platform.offline.appends, len(platform.operations.events))


@pytest.mark.parametrize("name", NAMES)
def test_unknown_names_and_arguments_are_errors_that_say_so(name: str, platform: ObservedPlatform) -> None:
    runner = ToolRunner(platform.view, observe_tools())
    example = observe_tools()[name].example
    unknown = {key: "nowhere" if isinstance(value, str) else value for key, value in example.items()}
    if name not in {
        "segment_compare",
        "job_history",
    }:  # no_data: it may simply not be there
        assert runner.run(name, unknown).observation.status == "error"
    surplus = runner.run(name, {**example, "surplus": 1}).observation
    assert surplus.status == "error"
    assert "surplus" in (surplus.note or "")
    assert "example" in (surplus.note or "")


@pytest.mark.parametrize("name", NAMES)
def test_it_is_quick(name: str, platform: ObservedPlatform) -> None:
    arguments = HERE.get(name, observe_tools()[name].example)
    runner = ToolRunner(platform.view, observe_tools())
    best = min(_wall_ms(runner, name, arguments) for _ in range(2))
    assert best < 1500, "a probe takes at most a good second even on a busy machine"


def _wall_ms(runner: ToolRunner, name: str, arguments: dict[str, object]) -> float:
    started = time.perf_counter()
    runner.run(name, arguments)
    return (time.perf_counter() - started) * 1000
