"""What is audited: every kind of entry, what its payload holds, and which fields are personal.

A kind is added here before it is written anywhere: a test reads the sources for actions that are not here, and another
checks a whole story's entries against these models. Personal fields are sealed under the actor's key (`audit.sealing`).
Payloads are written by rooms above this one, so that fields are checked in tests and not while something must be saved.
"""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

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


class ApprovalRequested(Frozen):
    model_config = ConfigDict(extra="allow")
    proposal_id: str
    tool: str
    digest: str
    arguments: dict[str, Any]
    document_sha256: str
    rule: str
    approvers_needed: int
    expires_at: str
    policy_sha256: str


class ApprovalDecided(Frozen):
    """Who is the entry's actor, how is the channel."""

    model_config = ConfigDict(extra="allow")
    proposal_id: str
    tool: str
    digest: str
    channel: str
    approvers_needed: int
    reason_sha256: str | None


class ApprovalClosed(Frozen):
    model_config = ConfigDict(extra="allow")
    proposal_id: str
    tool: str
    digest: str
    reason: str


class ApprovalRefused(Frozen):
    model_config = ConfigDict(extra="allow")
    verdict: str
    channel: str
    why: Sealed


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


class DelegationMade(Frozen):
    delegator: str
    delegate: str
    ends_at: str
    reason: Sealed


class GlassBroken(Frozen):
    """Somebody lifted freezes and second approvals for minutes; `review` is what was said of it afterwards."""

    environment: str
    opened_by: str
    ends_at: str
    reason: Sealed
    review: Sealed | None


class CatalogApplied(Frozen):
    version: int
    digest: str
    changes: list[dict[str, Any]]


class ModelRegistered(Frozen):
    version: str
    files: dict[str, str]
    data_digest: str
    code_version: str


class ModelPromoted(Frozen):
    model_config = ConfigDict(extra="allow")
    version: str
    to: str


class ResourceCreated(Frozen):
    spec: dict[str, Any]


class ResourcePatched(Frozen):
    before: dict[str, Any]
    after: dict[str, Any]
    revision: int
    reason: str
    change_event_id: str
    idempotency_key: str


class SessionOpened(Frozen):
    channel: Literal["console"]
    client: Sealed | None


class SubjectShredded(Frozen):
    subject_hash: str
    keys: int
    reason: str


class HealthReported(Frozen):
    verdict: Literal["ok", "attention", "failed", "incomplete"]
    counts: dict[str, int]


class Nothing(Frozen):
    pass


class Kind(Frozen):
    """`personal` fields of the payload are free text of, or about, the entry's actor."""

    payload: type[BaseModel]
    personal: tuple[str, ...] = ()


_STATUSES = ("investigating", "awaiting_approval", "mitigating", "mitigated", "resolved")

KINDS: dict[str, Kind] = {
    "alert.received": Kind(payload=AlertPayload),
    "alert.resolved": Kind(payload=AlertPayload),
    "alert.joined": Kind(payload=AlertJoined),
    "incident.opened": Kind(payload=IncidentOpened),
    **{f"incident.{status}": Kind(payload=IncidentMoved) for status in _STATUSES},
    "incident.noted": Kind(payload=Told),
    "evidence.collected": Kind(payload=EvidenceCollected),
    "tool.called": Kind(payload=ToolCalled),
    "diagnosis.made": Kind(payload=DiagnosisMade),
    "model.called": Kind(payload=ModelCalled),
    "approval.requested": Kind(payload=ApprovalRequested),
    "approval.granted": Kind(payload=ApprovalDecided),
    "approval.rejected": Kind(payload=ApprovalDecided),
    "approval.expired": Kind(payload=ApprovalClosed),
    "approval.voided": Kind(payload=ApprovalClosed),
    **{f"approval.{how}": Kind(payload=ApprovalClosed) for how in ("superseded", "reminded", "escalated")},
    "policy.changed": Kind(payload=PolicyChanged),
    "policy.refused": Kind(payload=Reasoned),
    **{f"delegation.{how}": Kind(payload=DelegationMade, personal=("reason",)) for how in ("made", "revoked")},
    **{f"glass.{how}": Kind(payload=GlassBroken, personal=("reason", "review")) for how in ("broken", "reviewed")},
    "approval.refused": Kind(payload=ApprovalRefused, personal=("why",)),
    **{f"action.{status}": Kind(payload=ActionDone) for status in ("started", "succeeded", "failed", "unknown")},
    "action.verified": Kind(payload=ActionVerified),
    "action.not_verified": Kind(payload=ActionVerified),
    "verdict.recorded": Kind(payload=VerdictRecorded),
    "kill_switch.engaged": Kind(payload=Reasoned, personal=("reason",)),
    "kill_switch.released": Kind(payload=Reasoned, personal=("reason",)),
    "catalog.applied": Kind(payload=CatalogApplied),
    "model.registered": Kind(payload=ModelRegistered),
    "model.promoted": Kind(payload=ModelPromoted),
    "resource.created": Kind(payload=ResourceCreated),
    "resource.patched": Kind(payload=ResourcePatched),
    "resource.change_withdrawn": Kind(payload=Nothing),
    "session.opened": Kind(payload=SessionOpened, personal=("client",)),
    "session.refused": Kind(payload=SessionOpened, personal=("client",)),
    "health.reported": Kind(payload=HealthReported),
    "subject.shredded": Kind(payload=SubjectShredded),
}


def personal_fields(action: str) -> tuple[str, ...]:
    """Fields of the payload that are sealed; none for a kind that is not known."""
    kind = KINDS.get(action)
    return () if kind is None else kind.personal
