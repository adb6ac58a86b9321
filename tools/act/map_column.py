"""Read a catalog column under the name it has in the stored table today."""

from __future__ import annotations

from typing import Any, ClassVar

from foundation.errors import Conflict, InvalidInput
from guardrails.proposal import Compensation, Plan, PostCondition
from platform_core.operations.resources import SourceSpec
from platform_core.urn import urn
from tools.act.base import SpecPatchAction
from tools.act.conditions import changed_since, jobs_succeed, views_fresh
from tools.contract import ToolArguments
from tools.reading import declared_source, find_column


class Arguments(ToolArguments):
    source: str
    column: str
    """The catalog's name."""

    stored_as: str
    """The name in the stored table: it must exist there and be unknown to the catalog."""


class MapColumn(SpecPatchAction[Arguments, SourceSpec]):
    """Both names are checked against what exists, so that no text from outside can name anything else: `column` is the
    catalog's, `stored_as` is a column of the stored table of the same type that no catalog column claims."""

    name = "map_column"
    tier = "reversible"
    summary = "Read a renamed column under its new stored name"
    example: ClassVar[dict[str, Any]] = {
        "source": "payments_mx",
        "column": "device_id",
        "stored_as": "device_fingerprint",
    }
    arguments = Arguments
    spec = SourceSpec

    def target(self, arguments: Arguments) -> str:
        return urn("source", arguments.source)

    def fields(self, arguments: Arguments, spec: SourceSpec) -> dict[str, Any]:
        source = declared_source(self.platform, arguments.source)
        column = find_column(source, arguments.column)
        schema = self.platform.offline.schema(source.table)
        claimed = {c.name for c in source.columns} | {source.event_timestamp, source.created_timestamp}
        new = [name for name in schema.names if name not in claimed]
        if arguments.stored_as not in new:
            raise InvalidInput(
                f"{arguments.stored_as!r} is not a new column of the stored table {source.table!r}",
                hint=f"columns the catalog does not know: {new}",
            )
        if column.name in schema.names and schema.field(column.name).type != schema.field(arguments.stored_as).type:
            raise InvalidInput(
                f"{arguments.stored_as!r} is {schema.field(arguments.stored_as).type}, "
                f"{column.name!r} is {schema.field(column.name).type}"
            )
        if spec.field_mapping.get(column.name) == arguments.stored_as:
            raise Conflict(f"{column.name!r} is read from {arguments.stored_as!r} already", hint="nothing to do")
        return {"field_mapping": {**spec.field_mapping, column.name: arguments.stored_as}}

    def describe(self, arguments: Arguments, spec: SourceSpec) -> tuple[str, str]:
        return (
            f"read {arguments.source}.{arguments.column} from stored column {arguments.stored_as}",
            "materialization succeeds again and catches up; rows stored under the old name are read as before",
        )

    def undo(self, arguments: Arguments, before: dict[str, Any]) -> Compensation | None:
        earlier = (before.get("field_mapping") or {}).get(arguments.column)
        if earlier is not None:
            return Compensation(
                tool="map_column",
                arguments={"source": arguments.source, "column": arguments.column, "stored_as": earlier},
                summary=f"read {arguments.column} from {earlier} again",
            )
        return Compensation(
            tool="unmap_column",
            arguments={"source": arguments.source, "column": arguments.column},
            summary=f"read {arguments.column} under its own name again",
        )

    def conditions(self, arguments: Arguments, plan: Plan) -> tuple[PostCondition, ...]:
        return (
            changed_since(plan, f"{arguments.source}.{arguments.column} is read from {arguments.stored_as}"),
            *jobs_succeed(self.platform, arguments.source, arguments.column),
            *views_fresh(self.platform, arguments.source),
        )
