"""Runs observe tools: checks arguments, bounds time and size, turns every failure into an observation."""

from __future__ import annotations

import contextvars
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from difflib import get_close_matches
from typing import Any

from pydantic import TypeAdapter, ValidationError

from foundation.canonical import digest
from foundation.errors import VigiaError
from foundation.frozen import Frozen
from foundation.outside_text import OutsideText, Redact, unredacted
from foundation.telemetry import metrics
from foundation.telemetry.logs import get_logger
from foundation.telemetry.semconv import EXECUTE_TOOL, OPERATION_NAME, TOOL_NAME, TOOL_STATUS, span_name
from foundation.telemetry.traces import set_attributes, span
from guardrails.budgets.port import Budget, Unlimited
from guardrails.budgets.types import Amount, BudgetExceeded
from guardrails.taint.tainted import Tainted, tainted_by
from platform_core.view import PlatformView
from tools.answers import bounded, harmless
from tools.contract import Observation, ObserveTool

log = get_logger(__name__)

MAX_THREADS = 4
_JSON = TypeAdapter(dict[str, Any])


class ToolCall(Frozen):
    """A tool and the arguments to run it with."""

    tool: str
    arguments: dict[str, Any]


class ToolRun(Frozen):
    """One answered call, its texts redacted. `arguments` are complete, defaults included; `digest` is SHA-256 over the
    RFC 8785 form of tool, arguments and observation; `wall_ms` is what an engineer waited."""

    tool: str
    arguments: dict[str, Any]
    observation: Observation
    digest: str
    wall_ms: float

    def outside(self) -> Tainted[Observation]:
        """The answer as what it is: from outside. It can be shown and parsed; it chooses nothing."""
        return tainted_by(self.tool, self.observation, digest=self.digest)


class ToolRunner:
    """Holds the read-only platform and nothing else. What leaves it went through `redact`; what it costs is counted in
    `budget`, and a call beyond it is answered with an observation of status `error` that says so."""

    def __init__(
        self,
        platform: PlatformView,
        tools: Mapping[str, ObserveTool[Any]],
        *,
        redact: Redact = unredacted,
        timeout_s: float = 10.0,
        budget: Budget | None = None,
        on_run: Callable[[ToolRun], None] | None = None,
    ) -> None:
        """`on_run` is told of every answered call, so that a caller who keeps no evidence can audit it."""
        self._platform = platform
        self._tools = tools
        self._outside = OutsideText(redact)
        self._timeout_s = timeout_s
        self._budget = budget or Unlimited()
        self._on_run = on_run

    def run(self, tool: str, arguments: Mapping[str, Any], *, essential: bool = False) -> ToolRun:
        """Always answers: what went wrong is an observation of status `error`. `essential`: verifying what was done is
        counted, and never refused for want of budget."""
        refusal = self._reserve(1, essential=essential)
        done = self._run(tool, arguments) if refusal is None else self._refused(tool, arguments, refusal)
        self._settle([done])
        return done

    def _run(self, tool: str, arguments: Mapping[str, Any]) -> ToolRun:
        started = time.perf_counter()
        with span(span_name(EXECUTE_TOOL, tool), **{OPERATION_NAME: EXECUTE_TOOL, TOOL_NAME: tool}) as current:
            complete, observation = self._observe(tool, dict(arguments))
            set_attributes(current, **{TOOL_STATUS: observation.status})
        metrics.tool_runs.labels(tool if tool in self._tools else "unknown", observation.status).inc()
        return self._answered(tool, complete, observation, (time.perf_counter() - started) * 1000)

    def _answered(self, tool: str, complete: dict[str, Any], observation: Observation, wall_ms: float) -> ToolRun:
        # Redacted before it is cut: the half of an identifier would not be recognised.
        complete = self._outside.value(complete)
        observation = bounded(harmless(observation, self._outside))
        signed = digest({"tool": tool, "arguments": complete, "observation": observation.model_dump(mode="json")})
        run = ToolRun(tool=tool, arguments=complete, observation=observation, digest=signed, wall_ms=round(wall_ms, 2))
        if self._on_run is not None:
            self._on_run(run)
        return run

    def run_all(self, calls: Sequence[ToolCall]) -> list[ToolRun]:
        """Answers in the order of `calls`, at most four at a time. Paid for at once; what the budget does not cover
        together is asked for one by one, so that the first ones still run."""
        if self._reserve(len(calls)) is not None:
            return [self.run(c.tool, c.arguments) for c in calls]
        with ThreadPoolExecutor(max_workers=MAX_THREADS, thread_name_prefix="probe") as pool:
            # each probe sees the caller's context: trace, incident id
            waiting = [pool.submit(contextvars.copy_context().run, self._run, c.tool, c.arguments) for c in calls]
            done = [future.result() for future in waiting]
        self._settle(done)
        return done

    def _reserve(self, calls: int, *, essential: bool = False) -> str | None:
        """Why the calls may not be made; None when they are paid for."""
        try:
            self._budget.reserve(Amount(tool_calls=calls), essential=essential)
        except BudgetExceeded as spent:
            return spent.message
        except VigiaError as error:
            return f"the budget cannot be read: {error.message}"
        return None

    def _settle(self, done: Sequence[ToolRun]) -> None:
        try:
            self._budget.settle(Amount(wall_ms=round(sum(run.wall_ms for run in done))))
        except VigiaError as error:
            log.warning("wall time of tools was not counted", reason=error.message)

    def _refused(self, tool: str, arguments: Mapping[str, Any], refusal: str) -> ToolRun:
        raw: dict[str, Any] = _JSON.dump_python(dict(arguments), mode="json", fallback=str)
        metrics.tool_runs.labels(tool if tool in self._tools else "unknown", "error").inc()
        return self._answered(tool, raw, _error(f"{tool} was not run: {refusal}", "vigia budgets show"), 0.0)

    def _observe(self, name: str, arguments: dict[str, Any]) -> tuple[dict[str, Any], Observation]:
        tool = self._tools.get(name)
        raw: dict[str, Any] = _JSON.dump_python(arguments, mode="json", fallback=str)
        if tool is None:
            near = get_close_matches(name, list(self._tools), n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"tools: {', '.join(self._tools)}"
            return raw, _error(f"no tool {name!r}", hint)
        try:
            given = tool.arguments.model_validate(arguments)
        except ValidationError as error:
            wrong = "; ".join(f"{'.'.join(map(str, e['loc'])) or 'arguments'}: {e['msg']}" for e in error.errors())
            return raw, _error(f"{name} cannot be run with these arguments", f"{wrong}; example: {tool.example}")
        complete: dict[str, Any] = given.model_dump(mode="json", exclude_none=True)
        return complete, self._bounded_time(tool, given, complete)

    def _bounded_time(self, tool: ObserveTool[Any], given: Any, complete: dict[str, Any]) -> Observation:
        answer: Future[Observation] = Future()

        def work() -> None:
            try:
                answer.set_result(tool.observe(self._platform, given))
            except VigiaError as error:
                answer.set_result(_error(error.message, f"{tool.name}({complete}): {error}"))
            except Exception as error:  # noqa: BLE001 - the boundary: one broken probe must not end an investigation
                answer.set_result(_error(f"{tool.name} failed", f"{complete}: {type(error).__name__}: {error}"))

        # A daemon thread: a probe that never returns holds neither the investigation nor the process' end.
        threading.Thread(target=contextvars.copy_context().run, args=(work,), daemon=True, name=tool.name).start()
        try:
            return answer.result(timeout=self._timeout_s)
        except TimeoutError:
            return _error(f"{tool.name} did not answer in {self._timeout_s:g} s", f"{complete}: narrow the window")


def _error(summary: str, note: str) -> Observation:
    return Observation(status="error", summary=summary, note=note)
