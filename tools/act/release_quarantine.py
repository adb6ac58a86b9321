"""Let a quarantined source's rows into the features again: the undo of `quarantine_source`."""

from __future__ import annotations

from typing import Any, ClassVar

from foundation.errors import Conflict
from guardrails.proposal import Compensation, Plan, PostCondition
from platform_core.operations.resources import SourceSpec
from platform_core.urn import urn
from tools.act.base import SpecPatchAction
from tools.act.conditions import set_to, views_fresh
from tools.contract import ToolArguments
from tools.reading import declared_source


class Arguments(ToolArguments):
    source: str


class ReleaseQuarantine(SpecPatchAction[Arguments, SourceSpec]):
    name = "release_quarantine"
    tier = "reversible"
    summary = "Release a source from quarantine; held-back rows are materialized"
    example: ClassVar[dict[str, Any]] = {"source": "payments_br"}
    arguments = Arguments
    spec = SourceSpec

    def target(self, arguments: Arguments) -> str:
        return urn("source", arguments.source)

    def fields(self, arguments: Arguments, spec: SourceSpec) -> dict[str, Any]:
        declared_source(self.platform, arguments.source)
        if spec.quarantine_since is None:
            raise Conflict(f"{arguments.source!r} is not quarantined", hint="nothing to do")
        return {"quarantine_since": None}

    def describe(self, arguments: Arguments, spec: SourceSpec) -> tuple[str, str]:
        return (
            f"release {arguments.source} from quarantine (since {spec.quarantine_since})",
            "rows that were held back are materialized and the views it feeds become fresh",
        )

    def undo(self, arguments: Arguments, before: dict[str, Any]) -> Compensation | None:
        since = before["quarantine_since"]
        return Compensation(
            tool="quarantine_source",
            arguments={"source": arguments.source, "since": since},
            summary=f"quarantine {arguments.source} again from {since}",
        )

    def conditions(self, arguments: Arguments, plan: Plan) -> tuple[PostCondition, ...]:
        return (
            set_to(plan, "quarantined", False, f"{arguments.source} is no longer quarantined"),
            *views_fresh(self.platform, arguments.source),
        )
