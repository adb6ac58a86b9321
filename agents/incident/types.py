"""The incident and its life."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from pydantic import Field

from foundation.frozen import Frozen
from platform_core.access.principals import Environment
from platform_core.monitoring.alert import Severity

IncidentStatus = Literal["open", "investigating", "awaiting_approval", "mitigating", "mitigated", "resolved"]

TRANSITIONS: dict[IncidentStatus, frozenset[IncidentStatus]] = {
    "open": frozenset({"investigating", "resolved"}),
    "investigating": frozenset({"awaiting_approval", "resolved"}),
    # back to investigating: rejected, expired, or the target moved and the proposal must be made anew
    "awaiting_approval": frozenset({"mitigating", "investigating", "resolved"}),
    # back to awaiting_approval: it did not work and its compensation is proposed
    "mitigating": frozenset({"mitigated", "awaiting_approval", "investigating"}),
    "mitigated": frozenset({"resolved", "investigating"}),
    "resolved": frozenset(),
}


class Incident(Frozen):
    """`number` is what people say (`INC-0042`); `id` is also the LangGraph thread."""

    id: str
    number: int
    title: str
    status: IncidentStatus
    severity: Severity
    environment: Environment
    tenant: str | None
    subjects: tuple[str, ...]
    opened_at: datetime
    updated_at: datetime
    outcome: str | None = None
    """How it ended: `mitigated`, `no_action`, `rejected`, `expired`, `inconclusive`, `failed`."""

    @property
    def label(self) -> str:
        return f"INC-{self.number:04d}"


class TimelineEvent(Frozen):
    """One line of the incident's story. `kind` is `<noun>.<past participle>` as in the audit log."""

    incident_id: str
    at: datetime
    kind: str
    actor: str
    text: str
    details: dict[str, Any] = Field(default_factory=dict)


class VerificationResult(Frozen):
    """What probing the post-conditions said."""

    execution_id: str
    verified: bool
    checks: tuple[str, ...]
    """One line per post-condition, with the last figure seen."""

    attempts: int
    wall_seconds: float
