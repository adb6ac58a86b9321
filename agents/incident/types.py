"""The incident and its life."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from pydantic import Field

from agents.diagnosis.types import Diagnosis
from agents.llm.narrative import Narrative
from foundation.errors import InvalidInput
from foundation.frozen import Frozen
from foundation.nearest import did_you_mean
from platform_core.access.principals import Environment
from platform_core.monitoring.alert import Alert, Severity

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


def known_status(name: str) -> IncidentStatus:
    """`name` as a status, `awaiting-approval` as well. Raises InvalidInput, naming the nearest."""
    plain = name.strip().lower().replace("-", "_").replace(" ", "_")
    if plain not in TRANSITIONS:
        raise InvalidInput(f"{name[:40]!r} is not a status of an incident", hint=did_you_mean(plain, TRANSITIONS))
    return plain


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


class StoredAlert(Frozen):
    """An alert as the inbox holds it. `effective_at` is `starts_at`, or the time of receipt when the sender's clock is
    off by more than an hour; `received_wall` is in seconds since the epoch."""

    id: str
    alert: Alert
    effective_at: datetime
    received_at: datetime
    received_wall: float
    repeats: int = 0


class DiagnosisRecord(Frozen):
    """A diagnosis in its place. `made_wall` is in seconds since the epoch."""

    incident_id: str
    round: int
    diagnosis: Diagnosis
    narration: Narrative | None
    made_at: datetime
    made_wall: float


ProposalPurpose = Literal["action", "compensation"]
"""`compensation` undoes an action that did not work; it needs an approval of its own."""


class VerdictFeedback(Frozen):
    """An engineer's word on a diagnosis: `correct`, or wrong with the cause that it really was, if known."""

    incident_id: str
    principal_id: str
    cause: str
    correct: bool
    actual_cause: str | None = None
    note: str | None = None
    at: datetime


class CauseRecord(Frozen):
    """How a cause has fared: called right, called wrong, and missed (it was another's wrong diagnosis)."""

    right: int = 0
    wrong: int = 0
    missed: int = 0
