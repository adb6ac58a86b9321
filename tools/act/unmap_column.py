"""Read a catalog column under its own name again: the undo of `map_column`."""

from __future__ import annotations

from typing import Any, ClassVar

from foundation.errors import Conflict
from guardrails.proposal import Compensation, Plan, PostCondition
from platform_core.operations.resources import SourceSpec
from platform_core.urn import urn
from tools.act.base import SpecPatchAction
from tools.act.conditions import changed_since, jobs_succeed
from tools.contract import ToolArguments
from tools.reading import declared_source, find_column


class Arguments(ToolArguments):
    source: str
    column: str


class UnmapColumn(SpecPatchAction[Arguments, SourceSpec]):
    name = "unmap_column"
    tier = "reversible"
    summary = "Remove a column mapping of a source"
    example: ClassVar[dict[str, Any]] = {"source": "payments_mx", "column": "device_id"}
    arguments = Arguments
    spec = SourceSpec

    def target(self, arguments: Arguments) -> str:
        return urn("source", arguments.source)

    def fields(self, arguments: Arguments, spec: SourceSpec) -> dict[str, Any]:
        find_column(declared_source(self.platform, arguments.source), arguments.column)
        if arguments.column not in spec.field_mapping:
            raise Conflict(f"{arguments.column!r} of {arguments.source!r} is not mapped", hint="nothing to do")
        return {"field_mapping": {k: v for k, v in spec.field_mapping.items() if k != arguments.column}}

    def describe(self, arguments: Arguments, spec: SourceSpec) -> tuple[str, str]:
        return (
            f"read {arguments.source}.{arguments.column} under its own name again",
            "materialization reads the column as the catalog names it",
        )

    def undo(self, arguments: Arguments, before: dict[str, Any]) -> Compensation | None:
        stored = (before.get("field_mapping") or {})[arguments.column]
        return Compensation(
            tool="map_column",
            arguments={"source": arguments.source, "column": arguments.column, "stored_as": stored},
            summary=f"read {arguments.column} from {stored} again",
        )

    def conditions(self, arguments: Arguments, plan: Plan) -> tuple[PostCondition, ...]:
        return (
            changed_since(plan, f"{arguments.source}.{arguments.column} is read under its own name"),
            *jobs_succeed(self.platform, arguments.source, arguments.column),
        )
