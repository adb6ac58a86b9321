"""Start a cancelled job: the undo of `cancel_job`."""

from __future__ import annotations

from typing import Any, ClassVar

from foundation.errors import Conflict
from guardrails.proposal import Compensation, Plan, PostCondition
from platform_core.operations.resources import JobSpec
from platform_core.urn import parse_urn, urn
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
        may = set_to(plan, "desired", "running", f"job {name} may run")
        resource = self._reader.get(plan.target)
        if isinstance(resource.spec, JobSpec) and parse_urn(resource.spec.subject)[0] == "feature_view":
            # a materialization reports no state of its own: its runs tell
            return (
                may,
                PostCondition(
                    tool="job_history",
                    arguments={"job": plan.target},
                    figure="last_status",
                    operator="==",
                    threshold="succeeded",
                    description=f"the last run of {name} succeeded",
                    within_seconds=600,
                ),
            )
        return (may, set_to(plan, "state", "running", f"job {name} is running"))
