"""Bring a model version to an endpoint, or change its share: the undo of `rollback_rollout`."""

from __future__ import annotations

from typing import Any, ClassVar

from pydantic import Field

from foundation.errors import Conflict, InvalidInput
from guardrails.proposal import Compensation, Plan, PostCondition
from platform_core.operations.resources import RolloutSpec
from platform_core.operations.rollout_spec import MOST_OF_A_CANARY, RolloutGuard, RolloutStrategy
from platform_core.serving.rollouts import states
from platform_core.urn import urn
from tools.act.base import SpecPatchAction
from tools.act.conditions import changed_since, set_to
from tools.contract import ToolArguments


class Arguments(ToolArguments):
    endpoint: str
    version: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,31}$")
    percent: int = Field(ge=0, le=100)
    strategy: RolloutStrategy | None = None
    """That of the rollout under way when not given, and canary for a new one."""

    guards: tuple[RolloutGuard, ...] | None = None
    """Limits that the endpoint declares from now on; as they are when not given."""


class SetCanary(SpecPatchAction[Arguments, RolloutSpec]):
    name = "set_canary"
    tier = "costly"
    summary = "Send a share of an endpoint's traffic to a canary version, or have it score in the shadow"
    example: ClassVar[dict[str, Any]] = {"endpoint": "fraud-mx", "version": "2", "percent": 20}
    arguments = Arguments
    spec = RolloutSpec

    def target(self, arguments: Arguments) -> str:
        return urn("endpoint", arguments.endpoint)

    def fields(self, arguments: Arguments, spec: RolloutSpec) -> dict[str, Any]:
        if arguments.version == spec.champion:
            raise InvalidInput(f"version {arguments.version!r} is the champion of {arguments.endpoint!r} already")
        strategy = arguments.strategy or (spec.strategy if spec.canary == arguments.version else "canary")
        if arguments.percent > MOST_OF_A_CANARY and strategy != "blue_green":
            raise InvalidInput(
                f"a {strategy} takes up to {MOST_OF_A_CANARY} %, not {arguments.percent} %",
                hint="promote it with complete_rollout, or switch all at once with strategy blue_green",
            )
        states.check_share(strategy, arguments.percent)
        wanted: dict[str, Any] = {
            "canary": arguments.version,
            "canary_percent": arguments.percent,
            "strategy": strategy,
            # Asked for by its name and approved: what was halted may answer again.
            "halted": None if spec.halted == arguments.version else spec.halted,
        }
        if arguments.guards is not None:
            wanted["guards"] = [guard.model_dump(mode="json") for guard in arguments.guards]
        changed = states.changed(spec, wanted)
        if not changed:
            raise Conflict(f"{arguments.endpoint!r} has this canary already", hint="nothing to do")
        return changed

    def describe(self, arguments: Arguments, spec: RolloutSpec) -> tuple[str, str]:
        if arguments.strategy == "shadow":
            said = f"version {arguments.version} scores beside and answers nobody"
            return f"have version {arguments.version} score in the shadow of {arguments.endpoint}", said
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
        again: dict[str, Any] = {"endpoint": arguments.endpoint, "version": earlier, "percent": percent}
        again |= {name: before[name] for name in ("strategy", "guards") if name in before}
        return Compensation(tool=self.name, arguments=again, summary=f"send {percent} % to canary {earlier} again")

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
