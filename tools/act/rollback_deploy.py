"""Take an upstream deployment from a bad version back to the version before."""

from __future__ import annotations

from typing import Any, ClassVar

from pydantic import Field

from foundation.errors import Conflict, InvalidInput
from guardrails.proposal import Compensation, Plan, PostCondition
from platform_core.operations.resources import DeploymentSpec
from platform_core.urn import urn
from tools.act.base import SpecPatchAction
from tools.act.conditions import rows_as_before, set_to
from tools.contract import ToolArguments
from tools.reading import name_of

_VERSION = r"^[A-Za-z0-9][A-Za-z0-9._+-]{0,63}$"


class Arguments(ToolArguments):
    service: str
    bad_version: str = Field(pattern=_VERSION)
    """The version to leave. When another one runs, somebody was faster: nothing is swapped back."""

    version: str | None = Field(default=None, pattern=_VERSION)
    """The version to run, when a person means this one and no other; by default the previous one."""


class RollbackDeploy(SpecPatchAction[Arguments, DeploymentSpec]):
    """Swaps `version` and `previous_version`. The undo is the same tool with both versions named."""

    name = "rollback_deploy"
    tier = "reversible"
    summary = "Roll an upstream service back from a bad version to its previous one"
    example: ClassVar[dict[str, Any]] = {"service": "ingest-co", "bad_version": "2.9.0"}
    arguments = Arguments
    spec = DeploymentSpec

    def target(self, arguments: Arguments) -> str:
        return urn("deployment", arguments.service)

    def fields(self, arguments: Arguments, spec: DeploymentSpec) -> dict[str, Any]:
        if spec.version != arguments.bad_version:
            raise Conflict(
                f"{arguments.service!r} runs {spec.version}, not {arguments.bad_version}",
                hint="somebody changed it already: look at it again before doing anything",
            )
        if spec.previous_version is None:
            raise InvalidInput(f"{arguments.service!r} has no previous version to go back to")
        if arguments.version not in (None, spec.previous_version):
            raise InvalidInput(
                f"{arguments.version!r} is not a known version of {arguments.service!r}",
                hint=f"known: {spec.version}, {spec.previous_version}",
            )
        return {"version": spec.previous_version, "previous_version": spec.version}

    def describe(self, arguments: Arguments, spec: DeploymentSpec) -> tuple[str, str]:
        return (
            f"roll {arguments.service} back from {spec.version} to {spec.previous_version}",
            f"{spec.source} delivers rows as under {spec.previous_version}; rows already stored stay as they are",
        )

    def undo(self, arguments: Arguments, before: dict[str, Any]) -> Compensation | None:
        return Compensation(
            tool=self.name,
            arguments={
                "service": arguments.service,
                "bad_version": before["previous_version"],
                "version": before["version"],
            },
            summary=f"deploy {arguments.service} {before['version']} again",
        )

    def conditions(self, arguments: Arguments, plan: Plan) -> tuple[PostCondition, ...]:
        """The version, and rows that are again what they were before the bad one came. Where a person named the version
        (the undo does), rows may well become worse again: then the version alone is what was asked for."""
        deployment = self._reader.get(plan.target)
        if not isinstance(deployment.spec, DeploymentSpec):
            return ()
        previous = str(deployment.spec.previous_version)
        runs = set_to(plan, "spec_version", previous, f"{arguments.service} is deployed as {previous}")
        if arguments.version is not None:
            return (runs,)
        source = name_of(deployment.spec.source, "source")
        return (runs, rows_as_before(source, changed=plan.target, usual_until=deployment.updated_at))
