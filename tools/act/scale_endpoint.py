"""Change the replicas of an endpoint."""

from __future__ import annotations

from typing import Any, ClassVar

from pydantic import Field

from foundation.errors import Conflict
from guardrails.proposal import Compensation, Plan, PostCondition
from platform_core.operations.resources import RolloutSpec
from platform_core.urn import urn
from tools.act.base import SpecPatchAction
from tools.act.conditions import latency_kept
from tools.contract import ToolArguments


class Arguments(ToolArguments):
    endpoint: str
    replicas: int = Field(ge=1, le=64)
    """At least one: taking an endpoint away is another decision than making it smaller."""


class ScaleEndpoint(SpecPatchAction[Arguments, RolloutSpec]):
    name = "scale_endpoint"
    tier = "reversible"
    summary = "Set the replicas of an endpoint"
    example: ClassVar[dict[str, Any]] = {"endpoint": "fraud-legacy", "replicas": 1}
    arguments = Arguments
    spec = RolloutSpec

    def target(self, arguments: Arguments) -> str:
        return urn("endpoint", arguments.endpoint)

    def fields(self, arguments: Arguments, spec: RolloutSpec) -> dict[str, Any]:
        if spec.replicas == arguments.replicas:
            raise Conflict(f"{arguments.endpoint!r} has {spec.replicas} replicas already", hint="nothing to do")
        return {"replicas": arguments.replicas}

    def describe(self, arguments: Arguments, spec: RolloutSpec) -> tuple[str, str]:
        hourly = (arguments.replicas - spec.replicas) * spec.hourly_cost_per_replica_usd
        return (
            f"scale {arguments.endpoint} from {spec.replicas} to {arguments.replicas} replicas",
            f"{hourly:+.2f} USD an hour ({hourly * 730:+.0f} USD a month); latency stays within its SLA",
        )

    def undo(self, arguments: Arguments, before: dict[str, Any]) -> Compensation | None:
        return Compensation(
            tool=self.name,
            arguments={"endpoint": arguments.endpoint, "replicas": before["replicas"]},
            summary=f"scale {arguments.endpoint} back to {before['replicas']} replicas",
        )

    def conditions(self, arguments: Arguments, plan: Plan) -> tuple[PostCondition, ...]:
        ready = (
            PostCondition(
                tool="rollout_status",
                arguments={"endpoint": arguments.endpoint},
                figure="replicas_ready",
                operator="==",
                threshold=float(arguments.replicas),
                description=f"{arguments.endpoint} has {arguments.replicas} replicas ready",
            ),
        )
        return (*ready, *latency_kept(self.platform, arguments.endpoint, changed=plan.target))
