"""Make the candidate of a rollout the champion. The champion stays loaded: going back is one change of the spec."""

from __future__ import annotations

from typing import Any, ClassVar

from guardrails.proposal import Compensation, Plan, PostCondition
from platform_core.operations.resources import RolloutSpec
from platform_core.serving.rollouts import states
from platform_core.urn import urn
from tools.act.base import SpecPatchAction
from tools.act.conditions import changed_since, latency_kept
from tools.contract import ToolArguments


class Arguments(ToolArguments):
    endpoint: str


class CompleteRollout(SpecPatchAction[Arguments, RolloutSpec]):
    name = "complete_rollout"
    tier = "costly"
    summary = "Promote the version that is rolled out: it answers everything from then on"
    example: ClassVar[dict[str, Any]] = {"endpoint": "fraud-mx"}
    arguments = Arguments
    spec = RolloutSpec

    def target(self, arguments: Arguments) -> str:
        return urn("endpoint", arguments.endpoint)

    def fields(self, arguments: Arguments, spec: RolloutSpec) -> dict[str, Any]:
        return states.promote(spec)

    def describe(self, arguments: Arguments, spec: RolloutSpec) -> tuple[str, str]:
        return (
            f"make version {spec.canary} the champion of {arguments.endpoint} in place of {spec.champion}",
            f"version {spec.canary} answers every request; {spec.champion} stays loaded for the way back",
        )

    def undo(self, arguments: Arguments, before: dict[str, Any]) -> Compensation | None:
        again: dict[str, Any] = {
            "endpoint": arguments.endpoint,
            "champion": before["champion"],
            "percent": before.get("canary_percent", 0),
            "strategy": before.get("strategy", "canary"),
            "previous_champion": before.get("previous_champion"),
        }
        return Compensation(
            tool="reopen_rollout",
            arguments={name: value for name, value in again.items() if value is not None},
            summary=f"make version {before['champion']} the champion again, {before['canary']} its candidate",
        )

    def conditions(self, arguments: Arguments, plan: Plan) -> tuple[PostCondition, ...]:
        return (
            changed_since(plan, f"{arguments.endpoint} has another champion"),
            PostCondition(
                tool="rollout_status",
                arguments={"endpoint": arguments.endpoint},
                figure="serving_canary_gone",
                operator="==",
                threshold=True,
                description=f"{arguments.endpoint} serves one version to everybody",
            ),
            *latency_kept(self.platform, arguments.endpoint, changed=plan.target),
        )
