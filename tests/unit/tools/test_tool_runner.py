"""The runner is the boundary: whatever a tool does, there is an observation."""

from __future__ import annotations

import contextvars
import threading
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from foundation.errors import NotFound
from platform_core.view import PlatformView
from tests.fakes.observed_platform import observed_platform
from tools.contract import Chart, Observation, Series, ToolArguments
from tools.declaration import Tool
from tools.runner import ToolCall, ToolRunner

_WHO: contextvars.ContextVar[str] = contextvars.ContextVar("_WHO", default="nobody")


class Arguments(ToolArguments):
    what: str = "answer"


def _behave(_platform: PlatformView, arguments: Arguments) -> Observation:
    match arguments.what:
        case "raise":
            raise RuntimeError("boom")
        case "refuse":
            raise NotFound("no such thing", hint="look elsewhere")
        case "sleep":
            time.sleep(0.4)
        case "nan":
            return Observation(status="success", summary="s", figures={"x": float("nan"), "y": float("inf"), "n": 1.0})
        case "flood":
            points = tuple((datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=i), 1.0) for i in range(100))
            chart = Chart(title="t", unit="u", series=tuple(Series(name=str(i), points=points) for i in range(30)))
            figures: dict[str, Any] = {f"f{i}": "x" * 5000 for i in range(500)}
            return Observation(status="success", summary="y" * 9000, figures=figures, chart=chart, note="z" * 9000)
        case "who":
            return Observation(status="success", summary=_WHO.get())
        case _:
            pass
    return Observation(status="success", summary=arguments.what, figures={"thread": threading.current_thread().name})


TOOL = Tool(
    name="behave",
    summary="Does what it is told",
    arguments=Arguments,
    example={"what": "answer"},
    figures={},
    run=_behave,
)


@pytest.fixture(scope="module")
def runner() -> ToolRunner:
    return ToolRunner(observed_platform().view, {"behave": TOOL}, timeout_s=0.2)


def test_defaults_are_part_of_the_arguments(runner: ToolRunner) -> None:
    run = runner.run("behave", {})
    assert run.arguments == {"what": "answer"}
    assert run.digest == runner.run("behave", {"what": "answer"}).digest
    assert run.digest != runner.run("behave", {"what": "other"}).digest
    assert run.wall_ms > 0


def test_an_unknown_tool_names_the_nearest(runner: ToolRunner) -> None:
    observation = runner.run("behaves", {}).observation
    assert observation.status == "error"
    assert "'behave'" in (observation.note or "")


def test_wrong_arguments_say_what_to_correct(runner: ToolRunner) -> None:
    observation = runner.run("behave", {"what": ["a"], "when": object()}).observation
    assert observation.status == "error"
    assert "what: " in (observation.note or "")
    assert "when: " in (observation.note or "")


def test_a_tool_that_breaks_is_an_error_with_its_query(runner: ToolRunner) -> None:
    observation = runner.run("behave", {"what": "raise"}).observation
    assert observation.status == "error"
    assert "RuntimeError: boom" in (observation.note or "")
    assert "'what': 'raise'" in (observation.note or "")


def test_an_error_of_ours_keeps_its_hint(runner: ToolRunner) -> None:
    observation = runner.run("behave", {"what": "refuse"}).observation
    assert observation.summary == "no such thing"
    assert "look elsewhere" in (observation.note or "")


def test_a_tool_that_takes_too_long_is_given_up(runner: ToolRunner) -> None:
    started = time.perf_counter()
    observation = runner.run("behave", {"what": "sleep"}).observation
    assert observation.status == "error"
    assert "0.2 s" in observation.summary
    assert time.perf_counter() - started < 0.39


def test_what_json_cannot_carry_becomes_none(runner: ToolRunner) -> None:
    assert runner.run("behave", {"what": "nan"}).observation.figures == {"x": None, "y": None, "n": 1.0}


def test_size_is_bounded(runner: ToolRunner) -> None:
    observation = runner.run("behave", {"what": "flood"}).observation
    assert len(observation.model_dump_json()) < 80_000
    assert observation.chart is not None
    assert len(observation.chart.series) == 12
    assert len(observation.chart.series[0].points) == 20


def test_many_run_in_order_and_see_the_callers_context(runner: ToolRunner) -> None:
    token = _WHO.set("incident 42")
    try:
        calls = [ToolCall(tool="behave", arguments={"what": w}) for w in ("a", "who", "raise", "b", "c", "d")]
        runs = runner.run_all(calls)
    finally:
        _WHO.reset(token)
    assert [r.observation.summary for r in runs] == ["a", "incident 42", "behave failed", "b", "c", "d"]


def test_each_run_is_a_span_of_the_genai_conventions(runner: ToolRunner) -> None:
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor
    from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

    from foundation.telemetry.traces import configure_traces

    exporter = InMemorySpanExporter()
    provider = configure_traces("test", processors=(SimpleSpanProcessor(exporter),))
    try:
        runner.run("behave", {"what": "refuse"})
    finally:
        provider.shutdown()
    (finished,) = exporter.get_finished_spans()
    assert finished.name == "execute_tool behave"
    assert finished.attributes is not None
    assert finished.attributes["gen_ai.tool.name"] == "behave"
    assert finished.attributes["vigia.tool.status"] == "error"
