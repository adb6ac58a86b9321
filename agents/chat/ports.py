"""What `vigia ask` needs of the rest, as narrowly as it needs it."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any, Protocol

from agents.diagnosis.types import Diagnosis
from agents.incident.types import Incident, IncidentStatus, TimelineEvent
from guardrails.approvals.types import ApprovalRequest
from platform_core.access.principals import Principal
from tools.contract import Observation


class AnsweredCall(Protocol):
    """One run of an observe tool; tools.runner.ToolRun is one."""

    @property
    def tool(self) -> str: ...
    @property
    def arguments(self) -> dict[str, Any]: ...
    @property
    def observation(self) -> Observation: ...
    @property
    def digest(self) -> str: ...


class RunsTools(Protocol):
    """tools.runner.ToolRunner is one. Always answers: a failure is an observation of status `error`."""

    def run(self, tool: str, arguments: dict[str, Any]) -> AnsweredCall: ...


class HoldsDiagnosis(Protocol):
    @property
    def diagnosis(self) -> Diagnosis: ...


class ReadsIncidents(Protocol):
    """agents.incident.store.IncidentStore is one."""

    def by_label(self, label: str) -> Incident:
        """Raises NotFound."""
        ...

    def list(
        self,
        *,
        statuses: Sequence[IncidentStatus] | None = None,
        tenants: Collection[str] | None = None,
        limit: int = 100,
    ) -> list[Incident]: ...

    def timeline(self, incident_id: str) -> Sequence[TimelineEvent]: ...

    def diagnosis(self, incident_id: str) -> HoldsDiagnosis | None: ...


class ReadsApprovals(Protocol):
    """guardrails.approvals.service.ApprovalService is one."""

    def pending(self) -> Sequence[ApprovalRequest]: ...
    def for_incident(self, incident_id: str) -> Sequence[ApprovalRequest]: ...
    def may_see(self, principal: Principal, request: ApprovalRequest) -> bool: ...
