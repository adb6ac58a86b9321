"""Cancel a job that stands in the way."""

from __future__ import annotations

from typing import Any, ClassVar

from foundation.errors import Conflict
from guardrails.proposal import Compensation, Plan, PostCondition
from platform_core.operations.resources import JobSpec
from platform_core.urn import urn
from tools.act.base import SpecPatchAction
from tools.act.conditions import busy_endpoints
from tools.contract import ToolArguments
from tools.reading import name_of


class Arguments(ToolArguments):
    job: str


class CancelJob(SpecPatchAction[Arguments, JobSpec]):
    """The work done so far is kept; what is left waits until the job is started again."""

    name = "cancel_job"
    tier = "reversible"
    summary = "Cancel a running job"
    example: ClassVar[dict[str, Any]] = {"job": "urn:vigia:job:online-compaction"}
    arguments = Arguments
    spec = JobSpec

    def target(self, arguments: Arguments) -> str:
        return urn("job", name_of(arguments.job, "job"))

    def fields(self, arguments: Arguments, spec: JobSpec) -> dict[str, Any]:
        if spec.desired == "cancelled":
            raise Conflict(f"{arguments.job!r} is cancelled already", hint="nothing to do")
        return {"desired": "cancelled"}

    def describe(self, arguments: Arguments, spec: JobSpec) -> tuple[str, str]:
        return (
            f"cancel job {name_of(arguments.job, 'job')} on {spec.subject}",
            "what waited behind the job is answered again; latency returns to its SLA",
        )

    def undo(self, arguments: Arguments, before: dict[str, Any]) -> Compensation | None:
        return Compensation(tool="start_job", arguments={"job": arguments.job}, summary="start the job again")

    def conditions(self, arguments: Arguments, plan: Plan) -> tuple[PostCondition, ...]:
        stopped = PostCondition(
            tool="resource_status",
            arguments={"urn": plan.target},
            figure="state",
            operator="!=",
            threshold="running",
            description=f"job {name_of(arguments.job, 'job')} no longer runs",
        )
        endpoints = busy_endpoints(self.platform, plan.target, plan.tenant)
        return (stopped, *(self._fast(name, plan.target) for name in endpoints))

    def _fast(self, endpoint: str, changed: str) -> PostCondition:
        return PostCondition(
            tool="latency_breakdown",
            arguments={"endpoint": endpoint, "minutes": 10, "changed": changed},
            figure="store_slower",
            operator="==",
            threshold=False,
            description=f"{endpoint} reads features as fast as before",
            within_seconds=900,
        )
