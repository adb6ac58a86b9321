"""What the HTTP API and the console are given by the composition root."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from agents.incident.card_building import CardBuilder
from agents.incident.feedback import FeedbackDesk
from agents.incident.store import IncidentStore
from agents.incident.types import Incident
from audit.log import SqlAuditLog
from audit.replay import VerificationReport
from foundation.clock import Clock
from foundation.errors import NotFound
from foundation.frozen import Frozen
from foundation.outside_text import OutsideText
from guardrails.approvals.service import ApprovalService
from guardrails.redaction.engine import Redactor
from interfaces.http.intake import AlertIntake
from platform_core.access.directory import PrincipalDirectory
from platform_core.access.principals import Principal


class ReadinessCheck(Frozen):
    name: str
    ok: bool
    detail: str


class ToolDescription(Frozen):
    """An observe tool, for `GET /v1/tools`."""

    name: str
    summary: str
    arguments: dict[str, object]
    example: dict[str, object]


@dataclass(frozen=True)
class CopilotServices:
    """No write credential of the platform is in here: whoever breaks into this process cannot change production."""

    clock: Clock
    intake: AlertIntake
    incidents: IncidentStore
    cards: CardBuilder
    approvals: ApprovalService
    feedback: FeedbackDesk
    audit: SqlAuditLog
    verify_audit: Callable[[], VerificationReport]
    principals: PrincipalDirectory
    redactor: Redactor
    tools: Callable[[], list[ToolDescription]]
    readiness: Callable[[], list[ReadinessCheck]]
    max_body_bytes: int

    @property
    def outside(self) -> OutsideText:
        """What the free text of people goes through before it is kept."""
        return OutsideText(self.redactor.redact)


def visible_incident(services: CopilotServices, principal: Principal, reference: str) -> Incident:
    """The incident by id, `INC-0042` or `42`. Raises NotFound, also for one of a tenant that is not theirs."""
    if reference.upper().startswith("INC-") or reference.isdecimal():
        incident = services.incidents.by_label(reference)
    else:
        incident = services.incidents.get(reference)
    if not principal.may_act_for(incident.tenant):
        raise NotFound(f"there is no incident {reference!r}", hint="or it belongs to a tenant that is not yours")
    return incident
