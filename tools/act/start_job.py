"""Start a cancelled job: the undo of `cancel_job`."""

from __future__ import annotations

from typing import Any, ClassVar

from foundation.errors import Conflict
from guardrails.proposal import Compensation, Plan, PostCondition
from platform_core.operations.resources import JobSpec
from platform_core.urn import urn
from tools.act.base import SpecPatchAction
from tools.act.conditions import set_to
from tools.contract import ToolArguments
from tools.reading import name_of


class Arguments(ToolArguments):
    job: str


class StartJob(SpecPatchAction[Arguments, JobSpec]):
    name = "start_job"
    tier = "reversible"
    summary = "Start a cancelled job again"
    example: ClassVar[dict[str, Any]] = {"job": "urn:vigia:job:online-compaction"}
    arguments = Arguments
    spec = JobSpec

    def target(self, arguments: Arguments) -> str:
        return urn("job", name_of(arguments.job, "job"))

    def fields(self, arguments: Arguments, spec: JobSpec) -> dict[str, Any]:
        if spec.desired == "running":
            raise Conflict(f"{arguments.job!r} is not cancelled", hint="nothing to do")
        return {"desired": "running"}

    def describe(self, arguments: Arguments, spec: JobSpec) -> tuple[str, str]:
        return f"start job {name_of(arguments.job, 'job')} on {spec.subject}", "the job runs and finishes its work"

    def undo(self, arguments: Arguments, before: dict[str, Any]) -> Compensation | None:
        return Compensation(tool="cancel_job", arguments={"job": arguments.job}, summary="cancel the job again")

    def conditions(self, arguments: Arguments, plan: Plan) -> tuple[PostCondition, ...]:
        name = name_of(arguments.job, "job")
        return (
            set_to(plan, "desired", "running", f"job {name} may run"),
            PostCondition(
                tool="resource_status",
                arguments={"urn": plan.target},
                figure="state",
                operator="!=",
                threshold="cancelled",
                description=f"job {name} is no longer cancelled",
            ),
        )
