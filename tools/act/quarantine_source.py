"""Hold a source's rows back from materialization and serve the last known good values."""

from __future__ import annotations

from datetime import datetime
from typing import Any, ClassVar

from pydantic import field_validator

from foundation.errors import Conflict, InvalidInput
from guardrails.proposal import Compensation, Plan, PostCondition
from platform_core.operations.resources import SourceSpec
from platform_core.urn import urn
from tools.act.base import SpecPatchAction
from tools.act.conditions import declines_usual, endpoints_downstream, values_before
from tools.contract import ToolArguments
from tools.reading import declared_source


class Arguments(ToolArguments):
    source: str
    since: datetime
    """Rows with event time at or after this are not trusted."""

    narrow: bool = False
    """Whether a quarantine that began earlier may be narrowed: the rows between are then trusted again. The undo of
    moving a quarantine earlier is to put it back exactly where it was."""

    @field_validator("since")
    @classmethod
    def _aware(cls, value: datetime) -> datetime:
        if value.tzinfo is None:
            raise ValueError("a time carries its zone, e.g. 2026-11-19T05:51:00Z")
        return value


class QuarantineSource(SpecPatchAction[Arguments, SourceSpec]):
    """Costs freshness while it lasts: online values stay those of just before `since`."""

    name = "quarantine_source"
    tier = "reversible"
    summary = "Keep a source's rows since a time out of the features and serve the last known good values"
    example: ClassVar[dict[str, Any]] = {"source": "payments_br", "since": "2026-11-19T05:51:00Z"}
    arguments = Arguments
    spec = SourceSpec

    def target(self, arguments: Arguments) -> str:
        return urn("source", arguments.source)

    def fields(self, arguments: Arguments, spec: SourceSpec) -> dict[str, Any]:
        declared_source(self.platform, arguments.source)
        if arguments.since > self.platform.clock.now():
            raise InvalidInput(f"since {arguments.since.isoformat()} lies in the future", hint="give the onset")
        earlier = spec.quarantine_since
        if earlier is not None and (earlier == arguments.since or (earlier < arguments.since and not arguments.narrow)):
            raise Conflict(f"{arguments.source!r} is quarantined since {earlier.isoformat()}", hint="nothing to do")
        return {"quarantine_since": arguments.since}

    def describe(self, arguments: Arguments, spec: SourceSpec) -> tuple[str, str]:
        return (
            f"quarantine {arguments.source} from {arguments.since:%Y-%m-%d %H:%M:%S} UTC, serve last-known-good values",
            "scores are computed from values of just before; decline rates return to usual within minutes",
        )

    def undo(self, arguments: Arguments, before: dict[str, Any]) -> Compensation | None:
        earlier = before.get("quarantine_since")
        if earlier is not None:
            return Compensation(
                tool=self.name,
                arguments={"source": arguments.source, "since": earlier, "narrow": True},
                summary=f"quarantine {arguments.source} from {earlier} again, as before",
            )
        return Compensation(
            tool="release_quarantine",
            arguments={"source": arguments.source},
            summary="release the quarantine and materialize the rows that were held back",
        )

    def conditions(self, arguments: Arguments, plan: Plan) -> tuple[PostCondition, ...]:
        endpoints = endpoints_downstream(self.platform, plan.target, plan.tenant)
        return (
            *values_before(self.platform, arguments.source, arguments.since),
            *(
                condition
                for endpoint in endpoints
                for condition in declines_usual(self.platform, endpoint, arguments.since, changed=plan.target)
            ),
        )
