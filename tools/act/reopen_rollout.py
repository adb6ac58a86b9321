"""Take a promotion back: the champion of before answers again, the version that was promoted is its candidate."""

from __future__ import annotations

from typing import Any, ClassVar

from pydantic import Field

from foundation.errors import Conflict
from guardrails.proposal import Compensation, Plan, PostCondition
from platform_core.operations.resources import RolloutSpec
from platform_core.operations.rollout_spec import RolloutStrategy
from platform_core.serving.rollouts import states
from platform_core.urn import urn
from tools.act.base import SpecPatchAction
from tools.act.conditions import set_to
from tools.contract import ToolArguments


class Arguments(ToolArguments):
    endpoint: str
    champion: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,31}$")
    """The one before: it must be the endpoint's previous champion."""

    percent: int = Field(default=0, ge=0, le=100)
    strategy: RolloutStrategy = "canary"
    previous_champion: str | None = None
    """Whose successor `champion` had been."""


class ReopenRollout(SpecPatchAction[Arguments, RolloutSpec]):
    name = "reopen_rollout"
    tier = "reversible"
    summary = "Take a promotion back: the champion of before answers, the promoted version is a candidate again"
    example: ClassVar[dict[str, Any]] = {"endpoint": "fraud-mx", "champion": "1", "percent": 20}
    arguments = Arguments
    spec = RolloutSpec

    def target(self, arguments: Arguments) -> str:
        return urn("endpoint", arguments.endpoint)

    def fields(self, arguments: Arguments, spec: RolloutSpec) -> dict[str, Any]:
        if spec.canary is not None or spec.previous_champion != arguments.champion:
            raise Conflict(
                f"version {arguments.champion!r} is not what {arguments.endpoint!r} served before its last promotion",
                hint="see `vigia rollouts history`",
            )
        states.check_share(arguments.strategy, arguments.percent)
        return states.changed(
            spec,
            {
                "champion": arguments.champion,
                "canary": spec.champion,
                "canary_percent": arguments.percent,
                "strategy": arguments.strategy,
                "previous_champion": arguments.previous_champion,
            },
        )

    def describe(self, arguments: Arguments, spec: RolloutSpec) -> tuple[str, str]:
        return (
            f"make version {arguments.champion} the champion of {arguments.endpoint} again",
            f"version {spec.champion} answers {arguments.percent} % of the requests",
        )

    def undo(self, arguments: Arguments, before: dict[str, Any]) -> Compensation | None:
        return Compensation(
            tool="complete_rollout",
            arguments={"endpoint": arguments.endpoint},
            summary=f"make version {before['champion']} the champion once more",
        )

    def conditions(self, arguments: Arguments, plan: Plan) -> tuple[PostCondition, ...]:
        said = f"champion of {arguments.endpoint} is set to {arguments.champion}"
        return (
            set_to(plan, "spec_champion", arguments.champion, said),
            PostCondition(
                tool="rollout_status",
                arguments={"endpoint": arguments.endpoint},
                figure="converged",
                operator="==",
                threshold=True,
                description=f"{arguments.endpoint} serves what its spec asks for",
            ),
        )
