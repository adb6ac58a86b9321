"""The incident card: everything an engineer needs in ten seconds, as values. How it looks is the interfaces' matter."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from agents.diagnosis.types import Finding
from agents.incident.types import IncidentStatus, VerificationResult
from agents.llm.narrative import Narrative
from foundation.frozen import Frozen
from guardrails.approvals.break_glass import BrokenGlass
from guardrails.approvals.types import ApprovalStatus, Decision
from guardrails.executor.port import ExecutionStatus
from guardrails.proposal import BlastRadius, PlannedChange, Tier
from guardrails.taint.suspicion import Suspicious
from platform_core.access.principals import Environment
from platform_core.monitoring.alert import Severity
from tools.contract import Chart


class CardCause(Frozen):
    """A hypothesis as shown: `0.94 source sends cents instead of units`, with its findings for and against."""

    cause: str
    title: str
    confidence: float
    supporting: tuple[Finding, ...]
    refuting: tuple[Finding, ...]


class CardProposal(Frozen):
    """What Approve would do. `diff` holds one line per changed field, `field: before -> after`."""

    id: str
    purpose: Literal["action", "compensation"]
    tool: str
    arguments: dict[str, Any]
    tier: Tier
    summary: str
    rationale: str
    changes: tuple[PlannedChange, ...]
    diff: tuple[str, ...]
    blast_radius: BlastRadius
    expected_effect: str
    verified_by: tuple[str, ...]
    undo: str | None
    monthly_saving_usd: float | None
    evidence_ids: tuple[str, ...]
    digest_short: str
    requested_by: str = "agent:incident"

    @property
    def by_person(self) -> str | None:
        """The person whose proposal or edit it is; None when it is the agent's."""
        return self.requested_by if self.requested_by.startswith("human:") else None


class CardApproval(Frozen):
    """`who_may` says who may decide; `id` is all that a button carries."""

    id: str
    status: ApprovalStatus
    rule: str
    approvers_needed: int
    who_may: str
    requested_at: datetime
    expires_at: datetime
    decisions: tuple[Decision, ...]


class CardExecution(Frozen):
    id: str
    status: ExecutionStatus
    started_at: datetime
    ended_at: datetime | None
    error: str | None
    change_event_id: str | None


class CardRunbook(Frozen):
    """`unit-change.md (worked 3 of 4 times) · owner: risk-features`."""

    file: str
    title: str
    owner: str
    worked: int
    tried: int


class IncidentCard(Frozen):
    incident_id: str
    as_of: datetime
    """When the card was built, on the platform's clock."""

    label: str
    title: str
    status: IncidentStatus
    outcome: str | None
    severity: Severity
    environment: Environment
    tenant: str | None
    opened_at: datetime
    updated_at: datetime
    subjects: tuple[str, ...]
    alerts: int
    impact: str
    """Who is hurt, in one line."""

    verdict: Literal["cause", "no_fault", "inconclusive"] | None
    """None while nobody has looked yet."""

    most_likely: CardCause | None
    also_possible: tuple[CardCause, ...]
    ruled_out: tuple[CardCause, ...]
    not_checked: tuple[str, ...]
    look_next: tuple[str, ...]
    narration: Narrative | None
    charts: tuple[Chart, ...]
    """At most two: of the evidence that carries the leading cause."""

    proposal: CardProposal | None
    approval: CardApproval | None
    execution: CardExecution | None
    verification: VerificationResult | None
    status_line: str
    """What came of it: `approved by human:alice 02:58 · executed 02:58:04 · verified 03:01`."""

    runbook: CardRunbook | None
    probes: int
    seconds_to_diagnosis: float | None
    """On the wall, from receiving the first alert to the first diagnosis."""

    model_used: str | None
    """Name of the language model that wrote the prose; None when none was used."""

    audit_entries: int | None
    audit_head: str | None
    suspicious: tuple[Suspicious, ...] = ()
    """Instructions found in the evidence: nobody follows them, somebody should ask how they got there."""

    budget_note: str | None = None
    """What ran out while this was looked into, when something did."""

    glass: tuple[BrokenGlass, ...] = ()
    """Broken glass that holds now for this environment and tenant."""
