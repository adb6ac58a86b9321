"""Put a model version that passed its gates into production, in place of the one that is there."""

from __future__ import annotations

from typing import Any, ClassVar

from pydantic import Field

from foundation.errors import Conflict
from guardrails.proposal import Compensation, Plan, PostCondition
from platform_core.operations.resources import ModelSpec
from platform_core.urn import urn
from tools.act.base import SpecPatchAction
from tools.act.conditions import set_to
from tools.contract import ToolArguments


class Arguments(ToolArguments):
    model: str
    version: str = Field(pattern=r"^[0-9]{1,9}$")
    review: str = Field(pattern=r"^[A-Za-z0-9_-]{1,64}$")
    """Of the gates, by which the version may go there. The approval is bound to it, and the move is refused when the
    review no longer stands at that moment."""


class PromoteModel(SpecPatchAction[Arguments, ModelSpec]):
    """Costly: it can be taken back, but not the payments that were decided meanwhile. Which version answers how much of
    an endpoint's traffic is a rollout's affair; this says which one is the model."""

    name = "promote_model"
    tier = "costly"
    summary = "Put a model version that passed its gates into production"
    example: ClassVar[dict[str, Any]] = {"model": "fraud_score", "version": "4", "review": "mrv_0193"}
    arguments = Arguments
    spec = ModelSpec

    def target(self, arguments: Arguments) -> str:
        return urn("model", arguments.model)

    def fields(self, arguments: Arguments, spec: ModelSpec) -> dict[str, Any]:
        if spec.production == arguments.version:
            raise Conflict(
                f"{arguments.model} version {arguments.version} is in production already", hint="nothing to do"
            )
        return {"production": arguments.version, "review": arguments.review}

    def describe(self, arguments: Arguments, spec: ModelSpec) -> tuple[str, str]:
        instead = "" if spec.production is None else f" in place of version {spec.production}"
        goes = "" if spec.production is None else f"; version {spec.production} goes to staging and can be put back"
        return (
            f"promote {arguments.model} version {arguments.version} to production{instead}",
            f"version {arguments.version} is the model in use, by review {arguments.review}{goes}",
        )

    def undo(self, arguments: Arguments, before: dict[str, Any]) -> Compensation | None:
        earlier = before.get("production")
        back = "" if earlier is None else f" and version {earlier} back"
        return Compensation(
            tool="demote_model",
            arguments={
                "model": arguments.model,
                "version": arguments.version,
                "restore": earlier,
                "review": before.get("review"),
            },
            summary=f"take {arguments.model} version {arguments.version} out of production{back}",
        )

    def conditions(self, arguments: Arguments, plan: Plan) -> tuple[PostCondition, ...]:
        return (
            set_to(
                plan,
                "spec_production",
                arguments.version,
                f"version {arguments.version} is to be the one in production",
            ),
            *in_use(plan, arguments.version),
        )


def in_use(plan: Plan, version: str) -> tuple[PostCondition, ...]:
    """The registry has `version` in production, and whoever keeps the models could load and use it."""
    return (
        set_to(plan, "status_production", version, f"the registry has version {version} in production"),
        set_to(plan, "status_usable", True, f"the files of version {version} are intact and it scores"),
    )
