"""Take a canary out of an endpoint's traffic; where there is none, go back behind the last promotion."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, ClassVar

from foundation.errors import Conflict
from guardrails.proposal import Compensation, Plan, PostCondition
from platform_core.operations.resources import RolloutSpec
from platform_core.serving.rollouts import states
from platform_core.urn import urn
from tools.act.base import SpecPatchAction
from tools.act.conditions import declines_usual
from tools.contract import ToolArguments


class Arguments(ToolArguments):
    endpoint: str


class RollbackRollout(SpecPatchAction[Arguments, RolloutSpec]):
    name = "rollback_rollout"
    tier = "reversible"
    summary = "Roll a canary back: all traffic to the champion"
    example: ClassVar[dict[str, Any]] = {"endpoint": "fraud-mx"}
    arguments = Arguments
    spec = RolloutSpec

    def target(self, arguments: Arguments) -> str:
        return urn("endpoint", arguments.endpoint)

    def fields(self, arguments: Arguments, spec: RolloutSpec) -> dict[str, Any]:
        if spec.canary is None and spec.previous_champion is None:
            raise Conflict(f"endpoint {arguments.endpoint!r} has no canary", hint="nothing to roll back")
        return states.roll_back(spec)

    def describe(self, arguments: Arguments, spec: RolloutSpec) -> tuple[str, str]:
        if spec.canary is None:
            return (
                f"make version {spec.previous_champion} the champion of {arguments.endpoint} again",
                f"version {spec.previous_champion} answers every request, as before {spec.champion} was promoted",
            )
        return (
            f"roll canary {spec.canary} ({spec.canary_percent} %) of {arguments.endpoint} back to {spec.champion}",
            f"version {spec.champion} answers every request; the decline rate returns to usual",
        )

    def undo(self, arguments: Arguments, before: dict[str, Any]) -> Compensation | None:
        if before.get("canary") is None:
            return None  # what was rolled back behind a promotion comes again as a rollout of its own
        again: dict[str, Any] = {
            "endpoint": arguments.endpoint,
            "version": before["canary"],
            "percent": before.get("canary_percent", 0),
        }
        if "strategy" in before:
            again["strategy"] = before["strategy"]
        return Compensation(
            tool="set_canary",
            arguments=again,
            summary=f"send {before.get('canary_percent', 0)} % to canary {before['canary']} again",
        )

    def conditions(self, arguments: Arguments, plan: Plan) -> tuple[PostCondition, ...]:
        return (
            PostCondition(
                tool="rollout_status",
                arguments={"endpoint": arguments.endpoint},
                figure="serving_canary_gone",
                operator="==",
                threshold=True,
                description=f"{arguments.endpoint} serves no canary",
            ),
            *declines_usual(self.platform, arguments.endpoint, self._rollout_began(plan), changed=plan.target),
        )

    def _rollout_began(self, plan: Plan) -> datetime | None:
        now = self.platform.clock.now()
        events = self.platform.operations.changes(
            now - timedelta(days=30), now, subjects=[plan.target], kinds=["rollout"]
        )
        # The newest one that gave it traffic: that it was halted meanwhile is no beginning.
        given = [event for event in events if event.details.get("after", {}).get("canary_percent") != 0]
        return (given or events)[-1].at if events else None
