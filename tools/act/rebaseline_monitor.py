"""Let a monitor compare with what came since a time: a population has changed for good, or for a while."""

from __future__ import annotations

from datetime import datetime
from typing import Any, ClassVar

from pydantic import field_validator

from foundation.errors import Conflict, InvalidInput
from guardrails.proposal import Compensation, Plan, PostCondition
from platform_core.operations.resources import MonitorSpec
from platform_core.urn import parse_urn, urn
from tools.act.base import SpecPatchAction
from tools.act.conditions import changed_since
from tools.contract import ToolArguments
from tools.reading import name_of


class Arguments(ToolArguments):
    monitor: str
    baseline_since: datetime | None
    """None compares with the usual baseline again."""

    @field_validator("baseline_since")
    @classmethod
    def _aware(cls, value: datetime | None) -> datetime | None:
        if value is not None and value.tzinfo is None:
            raise ValueError("a time carries its zone, e.g. 2026-11-19T05:51:00Z")
        return value


class RebaselineMonitor(SpecPatchAction[Arguments, MonitorSpec]):
    name = "rebaseline_monitor"
    tier = "reversible"
    summary = "Give a monitor a new baseline that begins at a time"
    example: ClassVar[dict[str, Any]] = {
        "monitor": "drift-payments_ar-amount",
        "baseline_since": "2026-11-19T05:51:00Z",
    }
    arguments = Arguments
    spec = MonitorSpec

    def target(self, arguments: Arguments) -> str:
        return urn("monitor", name_of(arguments.monitor, "monitor"))

    def fields(self, arguments: Arguments, spec: MonitorSpec) -> dict[str, Any]:
        if arguments.baseline_since is not None and arguments.baseline_since > self.platform.clock.now():
            raise InvalidInput(f"baseline_since {arguments.baseline_since.isoformat()} lies in the future")
        if spec.baseline_since == arguments.baseline_since:
            raise Conflict(f"{arguments.monitor!r} has this baseline already", hint="nothing to do")
        return {"baseline_since": arguments.baseline_since}

    def describe(self, arguments: Arguments, spec: MonitorSpec) -> tuple[str, str]:
        name = name_of(arguments.monitor, "monitor")
        if arguments.baseline_since is None:
            return f"compare {name} with its usual baseline again", "the monitor judges by the usual baseline"
        return (
            f"compare {name} with what came since {arguments.baseline_since:%Y-%m-%d %H:%M:%S} UTC",
            "the monitor is quiet while the new population stays as it is, and pages again when it moves",
        )

    def undo(self, arguments: Arguments, before: dict[str, Any]) -> Compensation | None:
        return Compensation(
            tool=self.name,
            arguments={"monitor": arguments.monitor, "baseline_since": before["baseline_since"]},
            summary="compare with the baseline as it was",
        )

    def conditions(self, arguments: Arguments, plan: Plan) -> tuple[PostCondition, ...]:
        spec = self._reader.get(plan.target).spec
        source = name_of(spec.subject, "source") if isinstance(spec, MonitorSpec) else ""
        name = parse_urn(plan.target)[1]
        prefix = f"drift-{source}-"
        applied = changed_since(plan, f"{name} has the new baseline")
        if not source or not name.startswith(prefix):
            return (applied,)
        return (
            applied,
            PostCondition(
                tool="drift_against_baseline",
                arguments={"source": source, "column": name.removeprefix(prefix), "minutes": 10},
                figure="drifted",
                operator="==",
                threshold=False,
                description=f"{name} is under its threshold against the new baseline",
                # a quiet tenant needs a while for the rows of a baseline and for those to compare with it
                within_seconds=5400,
            ),
        )
