"""An action somebody proposes, in the exact form that is judged, shown, approved and executed."""

from __future__ import annotations

import json
import re
from datetime import datetime
from typing import Any, Literal

from pydantic import Field

from foundation.canonical import digest
from foundation.frozen import Frozen
from platform_core.access.principals import Environment

Tier = Literal["reversible", "costly", "irreversible"]
"""reversible: an undo restores what was; costly: it can be undone but money or freshness is lost meanwhile;
irreversible: data or history is gone."""


_LINE_ENDS = re.compile("[\n\r\x0b\x0c\x1c-\x1e\x85\u2028\u2029]")


def one_line(value: Any) -> str:
    """A value of a diff in words: `none`, text as it is with its line ends written out, all else as JSON."""
    if value is None:
        return "none"
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    return _LINE_ENDS.sub(lambda end: end.group().encode("unicode_escape").decode(), text)


class PlannedChange(Frozen):
    """One line of the dry-run diff."""

    field: str
    before: Any
    after: Any

    @property
    def line(self) -> str:
        """`field: before -> after` in one line: else a value could pass for a change of its own."""
        return f"{one_line(self.field)}: {one_line(self.before)} -> {one_line(self.after)}"


class Plan(Frozen):
    """What an action would change, computed without changing it. `target_revision` is what it was diffed against."""

    target: str
    target_revision: int
    environment: Environment
    tenant: str | None
    changes: tuple[PlannedChange, ...]
    summary: str
    expected_effect: str


class Compensation(Frozen):
    """The call that undoes an action."""

    tool: str
    arguments: dict[str, Any]
    summary: str


class PostCondition(Frozen):
    """What must become true for the action to count as having worked: a figure that an observe tool returns."""

    tool: str
    arguments: dict[str, Any]
    figure: str
    operator: Literal["<", "<=", ">", ">=", "==", "!="]
    threshold: float | str | bool
    description: str
    within_seconds: float = 300
    """On the platform's clock."""


class BlastRadius(Frozen):
    """What lies downstream of the target, by lineage."""

    feature_views: int = 0
    feature_services: int = 0
    models: int = 0
    endpoints: tuple[str, ...] = ()


def proposal_digest(tool: str, arguments: dict[str, Any], environment: str, target_revision: int) -> str:
    """SHA-256 over the RFC 8785 form of what an approval is bound to."""
    return digest(
        {"tool": tool, "arguments": arguments, "environment": environment, "target_revision": target_revision}
    )


class ActionProposal(Frozen):
    id: str
    incident_id: str
    tool: str
    arguments: dict[str, Any]
    tier: Tier
    plan: Plan
    digest: str
    blast_radius: BlastRadius
    compensation: Compensation | None
    post_conditions: tuple[PostCondition, ...]
    evidence_ids: tuple[str, ...]
    rationale: str
    monthly_saving_usd: float | None = None
    requested_by: str
    created_at: datetime

    @property
    def environment(self) -> Environment:
        return self.plan.environment

    @property
    def tenant(self) -> str | None:
        return self.plan.tenant

    def digest_holds(self) -> bool:
        """Whether the stored digest is that of the stored content."""
        return self.digest == proposal_digest(
            self.tool, self.arguments, self.plan.environment, self.plan.target_revision
        )


class ActionReceipt(Frozen):
    """The target's answer to an applied action."""

    target: str
    revision: int
    change_event_id: str
    undo: dict[str, Any] = Field(default_factory=dict)
    replayed: bool = False
