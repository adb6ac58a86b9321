"""The runner is the boundary: whatever a tool does, there is an observation."""

from __future__ import annotations

import contextvars
import threading
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from foundation.canonical import digest
from foundation.errors import NotFound
from foundation.telemetry import metrics
from guardrails.redaction.engine import Redactor
from platform_core.view import PlatformView
from tests.fakes.observed_platform import observed_platform
from tools.answers import short
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


def test_texts_are_redacted_before_they_are_cut_and_digested_and_numbers_stay() -> None:
    redactor = Redactor(b"k" * 32)

    def leaky(_platform: PlatformView, arguments: Arguments) -> Observation:
        at = datetime(2026, 1, 1, tzinfo=UTC)
        return Observation(
            status="success",
            summary="x" * 380 + f" customer {arguments.what}",
            figures={"last_error": "mail ana@example.com\x00", "cpf": 52998224725, "rows": 52998224, "share": 0.83},
            chart=Chart(title="ana@example.com", unit="u", series=(), marks=((at, "by ana@example.com"),)),
            note="customer_cpf=52998224725",
        )

    tool = Tool(name="leaky", summary="Leaks", arguments=Arguments, example={"what": "a"}, figures={}, run=leaky)
    runner = ToolRunner(observed_platform().view, {"leaky": tool}, redact=redactor.redact)
    run = runner.run("leaky", {"what": "529.982.247-25"})
    said = run.model_dump_json()
    assert not any(leak in said for leak in ("ana@example.com", "529.9", '"customer_cpf=529', "\\u0000"))
    assert str(run.observation.figures["cpf"]).startswith("<CPF_"), "the median of identifiers is somebody's"
    assert run.observation.figures["rows"] == 52998224, "a measured number is no text"
    assert run.observation.figures["share"] == 0.83
    body = run.observation.model_dump(mode="json")
    assert run.digest == digest({"tool": "leaky", "arguments": run.arguments, "observation": body})


def test_an_error_is_redacted_too() -> None:
    runner = ToolRunner(observed_platform().view, {"behave": TOOL}, redact=Redactor(b"k" * 32).redact)
    run = runner.run("behave", {"what": ["ana@example.com"]})
    assert "ana@example.com" not in run.model_dump_json()


def test_what_cannot_be_redacted_is_withheld() -> None:
    def broken(text: str, *, key: str = "") -> str:
        raise RuntimeError(text, key)

    run = ToolRunner(observed_platform().view, {"behave": TOOL}, redact=broken).run("behave", {"what": "secret"})
    assert run.observation.summary == "[withheld: redaction failed]"


@pytest.mark.parametrize("size", range(30, 45))
def test_a_cut_never_leaves_a_piece_of_an_identifier(size: int) -> None:
    for identifier in ("529.982.247-25", "4111 1111 1111 1111", "ana@example.com", "(11) 98765-4321"):
        kept = short(f"the row of the customer {identifier} was refused by the store", size)
        assert len(kept) <= size
        assert identifier in kept or not any(piece in kept for piece in ("529", "4111", "ana", "11"))


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


def test_runs_are_counted_and_made_up_names_are_no_labels(runner: ToolRunner) -> None:
    def count(tool: str, status: str) -> float:
        return metrics.REGISTRY.get_sample_value("vigia_tool_runs_total", {"tool": tool, "status": status}) or 0.0

    before = count("behave", "success"), count("unknown", "error")
    runner.run("behave", {})
    runner.run("made_up", {})
    assert (count("behave", "success"), count("unknown", "error")) == (before[0] + 1, before[1] + 1)
    assert count("made_up", "error") == 0
