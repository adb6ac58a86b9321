"""What the health report reads, as narrowly as it needs it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from agents.diagnosis.types import Diagnosis
from agents.evidence import Evidence
from agents.incident.types import Incident, IncidentStatus
from guardrails.approvals.types import ApprovalRequest
from tools.contract import Observation


class AnsweredCall(Protocol):
    @property
    def observation(self) -> Observation: ...


class RunsTools(Protocol):
    """tools.runner.ToolRunner is one."""

    def run(self, tool: str, arguments: dict[str, Any]) -> AnsweredCall: ...


class HasNote(Protocol):
    @property
    def author(self) -> str: ...
    @property
    def note(self) -> str | None: ...


class Diagnosed(Protocol):
    """agents.incident.types.DiagnosisRecord is one. `made_wall` is in seconds since the epoch."""

    @property
    def diagnosis(self) -> Diagnosis: ...
    @property
    def narration(self) -> HasNote | None: ...
    @property
    def made_wall(self) -> float: ...


class Received(Protocol):
    """agents.incident.types.StoredAlert is one."""

    @property
    def received_wall(self) -> float: ...


class ReadsIncidents(Protocol):
    """agents.incident.store.IncidentStore is one."""

    def list(self, *, statuses: Sequence[IncidentStatus] | None = None, limit: int = 100) -> list[Incident]:
        """Newest first."""
        ...

    def alerts(self, incident_id: str) -> Sequence[Received]: ...
    def evidence(self, incident_id: str) -> Sequence[Evidence]: ...
    def diagnosis(self, incident_id: str) -> Diagnosed | None: ...


class ReadsApprovals(Protocol):
    """guardrails.approvals.service.ApprovalService is one."""

    def for_incident(self, incident_id: str) -> Sequence[ApprovalRequest]: ...


class CauseTally(Protocol):
    """agents.incident.types.CauseRecord is one."""

    @property
    def right(self) -> int: ...
    @property
    def wrong(self) -> int: ...


class ReadsFeedback(Protocol):
    """What engineers said about diagnoses, by cause, over all time."""

    def per_cause(self) -> Mapping[str, CauseTally]: ...


class AuditVerification(Protocol):
    """audit.verify.VerificationReport is one."""

    @property
    def ok(self) -> bool: ...
    @property
    def entries(self) -> int: ...
    @property
    def problem(self) -> str | None: ...


class VerifiesAudit(Protocol):
    """Reads the whole log again and checks its hashes."""

    def __call__(self) -> AuditVerification: ...
