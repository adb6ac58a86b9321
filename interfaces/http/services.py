"""What the HTTP API and the console are given by the composition root."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

from agents.incident.card import IncidentCard
from agents.incident.card_building import CardBuilder
from agents.incident.feedback import FeedbackDesk
from agents.incident.proposing import ProposalDesk
from agents.incident.seeing import without_proposal, without_proposals
from agents.incident.store import IncidentStore
from agents.incident.types import Incident, TimelineEvent
from audit.log import SqlAuditLog
from audit.replay import VerificationReport
from foundation.clock import Clock
from foundation.errors import NotFound
from foundation.frozen import Frozen
from foundation.outside_text import OutsideText
from guardrails.approvals.break_glass import BrokenGlass
from guardrails.approvals.service import ApprovalService
from guardrails.approvals.types import ApprovalRequest
from guardrails.policy.policy import Policy, PolicySource
from guardrails.redaction.engine import Redactor
from guardrails.redaction.reveal import RevealDesk
from interfaces.http.intake import AlertIntake
from platform_core.access.directory import PrincipalDirectory
from platform_core.access.principals import Principal

T = TypeVar("T")


class ReadinessCheck(Frozen):
    name: str
    ok: bool
    detail: str
    needed: bool = True
    """Whether the process is of no use without it; otherwise it is only degraded."""


class ToolDescription(Frozen):
    """An observe tool, for `GET /v1/tools`."""

    name: str
    summary: str
    arguments: dict[str, object]
    example: dict[str, object]


class ActionDescription(Frozen):
    """An action that people may propose, for `GET /v1/actions` and the console's form."""

    name: str
    summary: str
    tier: str
    arguments: dict[str, object]
    example: dict[str, object]

    @property
    def fields(self) -> list[str]:
        """Names of its arguments, as they are declared."""
        properties = self.arguments.get("properties")
        return list(properties) if isinstance(properties, dict) else []


@dataclass(frozen=True)
class CopilotServices:
    """No write credential of the platform is in here, so nothing that runs in this process changes production itself.

    It does hold the database in which approvals are stored. Whoever takes it over can forge one there; the executor,
    in another process, then wants it in the audit log too, with people who may decide today and a plan that is still
    the one that was shown. So a forgery needs entries in a log that is chained, signed and copied: it shows, but the
    process is to be guarded like the database.
    """

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
    reveals: Callable[[], RevealDesk]
    tools: Callable[[], list[ToolDescription]]
    actions: Callable[[], list[ActionDescription]]
    proposals: Callable[[], ProposalDesk]
    """Made when it is first asked for."""

    readiness: Callable[[], list[ReadinessCheck]]
    max_body_bytes: int
    policy: PolicySource = field(default_factory=Policy.load)
    """The one of this process, which follows its file."""

    broken_glass: Callable[[], list[BrokenGlass]] = list
    """What holds or is not reviewed yet."""

    @property
    def outside(self) -> OutsideText:
        """What the free text of people goes through before it is kept."""
        return OutsideText(self.redactor.redact)


def visible_incident(services: CopilotServices, principal: Principal, reference: str) -> Incident:
    """The incident by id, `INC-0042` or `42`. Raises NotFound, in the same words for one of a tenant that is not
    theirs."""
    return _visible(
        services.incidents.find, reference, lambda incident: principal.may_act_for(incident.tenant), "incident"
    )


def visible_card(services: CopilotServices, principal: Principal, incident_id: str) -> IncidentCard:
    """The card; without what is proposed and what came of it where policy does not let them see that."""
    card = services.cards.build(incident_id)
    return card if sees_proposals(services.approvals, principal, incident_id) else without_proposal(card)


def visible_timeline(services: CopilotServices, principal: Principal, incident_id: str) -> list[TimelineEvent]:
    """The timeline; without proposals and what came of them where policy does not let them see those."""
    events = services.incidents.timeline(incident_id)
    return events if sees_proposals(services.approvals, principal, incident_id) else without_proposals(events)


def sees_proposals(approvals: ApprovalService, principal: Principal, incident_id: str) -> bool:
    """Whether they may see all that was proposed for it: a timeline tells of each."""
    return all(approvals.may_see(principal, request) for request in approvals.for_incident(incident_id))


def visible_approval(services: CopilotServices, principal: Principal, request_id: str) -> ApprovalRequest:
    """Raises NotFound, in the same words for one of a tenant that is not theirs."""
    return _visible(
        services.approvals.get,
        request_id,
        lambda request: services.approvals.may_see(principal, request),
        "approval request",
    )


def _visible(read: Callable[[str], T], reference: str, may_see: Callable[[T], bool], what: str) -> T:
    # PostgreSQL refuses NUL in a text, even to look for it.
    found = _or_none(read, reference) if reference.isprintable() else None
    if found is None or not may_see(found):
        hint = "or it belongs to a tenant that is not yours"
        raise NotFound(f"there is no {what} {reference[:80]!r}", hint=hint)
    return found


def _or_none(read: Callable[[str], T], reference: str) -> T | None:
    try:
        return read(reference)
    except NotFound:
        return None
