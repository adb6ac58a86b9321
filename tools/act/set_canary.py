"""Send a share of an endpoint's traffic to a model version: the undo of `rollback_rollout`."""

from __future__ import annotations

from typing import Any, ClassVar

from pydantic import Field

from foundation.errors import Conflict, InvalidInput
from guardrails.proposal import Compensation, Plan, PostCondition
from platform_core.operations.resources import RolloutSpec
from platform_core.urn import urn
from tools.act.base import SpecPatchAction
from tools.act.conditions import changed_since, set_to
from tools.contract import ToolArguments


class Arguments(ToolArguments):
    endpoint: str
    version: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,31}$")
    percent: int = Field(ge=0, le=50)


class SetCanary(SpecPatchAction[Arguments, RolloutSpec]):
    name = "set_canary"
    tier = "costly"
    summary = "Send a share of an endpoint's traffic to a canary version"
    example: ClassVar[dict[str, Any]] = {"endpoint": "fraud-mx", "version": "2", "percent": 20}
    arguments = Arguments
    spec = RolloutSpec

    def target(self, arguments: Arguments) -> str:
        return urn("endpoint", arguments.endpoint)

    def fields(self, arguments: Arguments, spec: RolloutSpec) -> dict[str, Any]:
        if arguments.version == spec.champion:
            raise InvalidInput(f"version {arguments.version!r} is the champion of {arguments.endpoint!r} already")
        if (spec.canary, spec.canary_percent) == (arguments.version, arguments.percent):
            raise Conflict(f"{arguments.endpoint!r} has this canary already", hint="nothing to do")
        return {"canary": arguments.version, "canary_percent": arguments.percent}

    def describe(self, arguments: Arguments, spec: RolloutSpec) -> tuple[str, str]:
        return (
            f"send {arguments.percent} % of {arguments.endpoint} to canary {arguments.version}",
            f"version {arguments.version} answers {arguments.percent} % of the requests",
        )

    def undo(self, arguments: Arguments, before: dict[str, Any]) -> Compensation | None:
        earlier = before.get("canary", arguments.version)
        if earlier is None:
            return Compensation(
                tool="rollback_rollout",
                arguments={"endpoint": arguments.endpoint},
                summary=f"roll canary {arguments.version} back",
            )
        percent = before.get("canary_percent", arguments.percent)
        return Compensation(
            tool=self.name,
            arguments={"endpoint": arguments.endpoint, "version": earlier, "percent": percent},
            summary=f"send {percent} % to canary {earlier} again",
        )

    def conditions(self, arguments: Arguments, plan: Plan) -> tuple[PostCondition, ...]:
        return (
            set_to(
                plan, "spec_canary", arguments.version, f"canary of {arguments.endpoint} is set to {arguments.version}"
            ),
            changed_since(plan, f"{arguments.percent} % of {arguments.endpoint} are for the canary"),
            PostCondition(
                tool="rollout_status",
                arguments={"endpoint": arguments.endpoint},
                figure="converged",
                operator="==",
                threshold=True,
                description=f"{arguments.endpoint} serves what its spec asks for",
            ),
        )
