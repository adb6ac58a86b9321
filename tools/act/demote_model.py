"""Take a model version out of production, putting back the one that it replaced: the undo of `promote_model`."""

from __future__ import annotations

from typing import Any, ClassVar

from pydantic import Field

from foundation.errors import Conflict, InvalidInput
from guardrails.proposal import Compensation, Plan, PostCondition
from platform_core.operations.resources import ModelSpec
from platform_core.urn import urn
from tools.act.base import SpecPatchAction
from tools.act.conditions import changed_since, set_to
from tools.act.promote_model import in_use
from tools.contract import ToolArguments

_VERSION = r"^[0-9]{1,9}$"


class Arguments(ToolArguments):
    model: str
    version: str = Field(pattern=_VERSION)
    """The version to take out. When another one is in production, somebody was faster: nothing is done."""

    restore: str | None = Field(default=None, pattern=_VERSION)
    """The version that it replaced. No other can come back this way; None leaves the model without one."""

    review: str | None = Field(default=None, pattern=r"^[A-Za-z0-9_-]{1,64}$")
    """By which `restore` was in production; None for one that was there before there were reviews."""


class DemoteModel(SpecPatchAction[Arguments, ModelSpec]):
    name = "demote_model"
    tier = "reversible"
    summary = "Take a model version out of production and put back the one it replaced"
    example: ClassVar[dict[str, Any]] = {"model": "fraud_score", "version": "4", "restore": "3", "review": "mrv_0192"}
    arguments = Arguments
    spec = ModelSpec

    def target(self, arguments: Arguments) -> str:
        return urn("model", arguments.model)

    def fields(self, arguments: Arguments, spec: ModelSpec) -> dict[str, Any]:
        if spec.production != arguments.version:
            raise Conflict(
                f"{arguments.model} has {spec.production or 'no version'} in production, not {arguments.version}",
                hint="somebody changed it already: look at it again before doing anything",
            )
        if arguments.restore == arguments.version:
            raise InvalidInput(f"version {arguments.version} cannot be put back in its own place")
        return {"production": arguments.restore, "review": arguments.review}

    def describe(self, arguments: Arguments, spec: ModelSpec) -> tuple[str, str]:
        if arguments.restore is None:
            return (
                f"take {arguments.model} version {arguments.version} out of production",
                "no version is in production; batch scoring needs one to be named",
            )
        return (
            f"put {arguments.model} version {arguments.restore} back into production for version {arguments.version}",
            f"version {arguments.restore} is the model in use again; version {arguments.version} goes to staging",
        )

    def undo(self, arguments: Arguments, before: dict[str, Any]) -> Compensation | None:
        review = before.get("review")
        if review is None:
            return None  # it was there without a review: it has to be judged before it can come back
        return Compensation(
            tool="promote_model",
            arguments={"model": arguments.model, "version": arguments.version, "review": review},
            summary=f"promote version {arguments.version} again, once it was judged again",
        )

    def conditions(self, arguments: Arguments, plan: Plan) -> tuple[PostCondition, ...]:
        if arguments.restore is None:
            return (changed_since(plan, f"no version of {arguments.model} is in production"),)
        back = f"version {arguments.restore} is to be the one in production"
        return (set_to(plan, "spec_production", arguments.restore, back), *in_use(plan, arguments.restore))
