"""What the payload of each kind of entry holds (`audit.kinds`)."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import ConfigDict, Field

from foundation.frozen import Frozen

Sealed = str | dict[str, str]
"""A personal field: its text, or the box it was sealed in."""


class AlertPayload(Frozen):
    alert_id: str
    source: str
    fingerprint: str
    starts_at: str
    kind: str
    severity: str


class Told(Frozen):
    """A line of the incident's timeline as people read it. `kind` where it differs from the action."""

    text: str
    kind: str | None = None
    details: dict[str, Any] = Field(default_factory=dict)


class IncidentOpened(Frozen):
    label: str
    title: str
    severity: str
    environment: str
    alerts: list[str]
    subjects: list[str]
    text: str


class AlertJoined(IncidentOpened):
    pass


class IncidentMoved(Frozen):
    model_config = ConfigDict(populate_by_name=True, extra="allow")
    outcome: str | None
    text: str


class EvidenceCollected(Frozen):
    round: int
    digests: dict[str, str]
    text: str


class ToolCalled(Frozen):
    """Arguments as they were run, digests of what came back: the answer itself is in the incident's evidence."""

    tool: str
    arguments: dict[str, Any]
    status: str
    digest: str
    wall_ms: float
    evidence_id: str | None = None


class DiagnosisMade(Frozen):
    round: int
    verdict: str
    confidence: dict[str, float]
    title: str | None
    text: str


class ModelCalled(Frozen):
    model_config = ConfigDict(extra="allow")
    provider: str
    model: str
    purpose: str
    outcome: str
    prompt_digest: str
    input_tokens: int
    output_tokens: int
    cost_usd: float | None
    wall_ms: float
    error: str | None


class ActionDone(Frozen):
    model_config = ConfigDict(extra="allow")
    approval_id: str
    tool: str
    digest: str
    target: str
    approved_by: list[str]
    revision: int | None = None
    change_event_id: str | None = None
    error: str | None = None


class ActionVerified(Frozen):
    execution_id: str
    verified: bool
    checks: list[str]
    attempts: int
    wall_seconds: float
    text: str


class VerdictRecorded(Frozen):
    cause: str
    correct: bool
    actual_cause: str | None
    text: str


class Reasoned(Frozen):
    model_config = ConfigDict(extra="allow")
    reason: Sealed


class PolicyChanged(Frozen):
    policy_sha256: str
    before_sha256: str | None
    rules: list[str]
    freezes: list[str]
    grants: list[str]


class PseudonymRevealed(Frozen):
    """Whose pseudonym is the entry's subject; `because` where it was refused."""

    reason: Sealed
    because: str | None = None


class HealthReported(Frozen):
    verdict: str
    counts: dict[str, int]


class ReadRefused(Frozen):
    """What was asked for, of a tenant the caller was not granted."""

    model_config = ConfigDict(extra="allow")


class SessionOpened(Frozen):
    channel: Literal["console"]
    client: Sealed | None
    refusals: int | None = None
    """How many sign-ins were refused since the last entry that said so: they get one a minute and client."""


class SubjectShredded(Frozen):
    subject_hash: str
    keys: int
    reason: str


class Nothing(Frozen):
    pass
