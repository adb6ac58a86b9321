"""Put an upstream deployment back to the version before, or to a version that is named."""

from __future__ import annotations

from typing import Any, ClassVar

from pydantic import Field

from foundation.errors import Conflict, InvalidInput
from guardrails.proposal import Compensation, Plan, PostCondition
from platform_core.operations.resources import DeploymentSpec
from platform_core.urn import urn
from tools.act.base import SpecPatchAction
from tools.contract import ToolArguments


class Arguments(ToolArguments):
    service: str
    version: str | None = Field(default=None, pattern=r"^[A-Za-z0-9][A-Za-z0-9._+-]{0,63}$")
    """The version to run; by default the previous one. Only the present or the previous version may be named."""


class RollbackDeploy(SpecPatchAction[Arguments, DeploymentSpec]):
    """Swaps `version` and `previous_version`, so that the same tool with the explicit version undoes it."""

    name = "rollback_deploy"
    tier = "reversible"
    summary = "Roll an upstream service back to its previous version"
    example: ClassVar[dict[str, Any]] = {"service": "ingest-co"}
    arguments = Arguments
    spec = DeploymentSpec

    def target(self, arguments: Arguments) -> str:
        return urn("deployment", arguments.service)

    def fields(self, arguments: Arguments, spec: DeploymentSpec) -> dict[str, Any]:
        if spec.previous_version is None:
            raise InvalidInput(f"{arguments.service!r} has no previous version to go back to")
        version = arguments.version or spec.previous_version
        if version == spec.version:
            raise Conflict(f"{arguments.service!r} runs {version} already", hint="nothing to do")
        if version != spec.previous_version:
            raise InvalidInput(
                f"{version!r} is not a known version of {arguments.service!r}",
                hint=f"known: {spec.version}, {spec.previous_version}",
            )
        return {"version": version, "previous_version": spec.version}

    def describe(self, arguments: Arguments, spec: DeploymentSpec) -> tuple[str, str]:
        version = arguments.version or spec.previous_version
        return (
            f"roll {arguments.service} back from {spec.version} to {version}",
            f"{spec.source} delivers rows as it did under {version}; rows already stored stay as they are",
        )

    def undo(self, arguments: Arguments, before: dict[str, Any]) -> Compensation | None:
        return Compensation(
            tool=self.name,
            arguments={"service": arguments.service, "version": before["version"]},
            summary=f"deploy {arguments.service} {before['version']} again",
        )

    def conditions(self, arguments: Arguments, plan: Plan) -> tuple[PostCondition, ...]:
        spec = self._reader.get(plan.target).spec
        if not isinstance(spec, DeploymentSpec):
            return ()
        return (
            PostCondition(
                tool="source_quality",
                arguments={"source": spec.source.removeprefix("urn:vigia:source:"), "minutes": 3},
                figure="breaches",
                operator="==",
                threshold=0.0,
                description=f"null rates of {spec.source} are within the owner's promise over the last 3 minutes",
                within_seconds=900,
            ),
        )
