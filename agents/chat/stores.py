"""Answers from what the copilot itself knows: incidents and approvals."""

from __future__ import annotations

from collections.abc import Sequence

from agents.chat.ports import ReadsApprovals, ReadsIncidents
from agents.chat.scope import MAY_ASK
from agents.chat.types import Citation
from agents.incident.seeing import without_proposals
from agents.incident.types import Incident, IncidentStatus
from foundation.errors import NotFound
from platform_core.access.principals import Principal

_UNRESOLVED: tuple[IncidentStatus, ...] = ("open", "investigating", "awaiting_approval", "mitigating", "mitigated")


def of_incident(incidents: ReadsIncidents, approvals: ReadsApprovals, label: str, principal: Principal) -> Citation:
    """The state of one incident. One that the principal may not see is not there, as for everybody else's eyes."""
    try:
        incident = incidents.by_label(label)
    except NotFound as error:
        return _citation("incidents", {"label": label}, f"{label}: {error}", found=False)
    if not principal.roles_in(incident.tenant) & MAY_ASK:
        return _citation("incidents", {"label": label}, f"{label}: no such incident", found=False)
    record = incidents.diagnosis(incident.id)
    top = record.diagnosis.top if record else None
    cause = f"; most likely {top.cause} ({top.confidence:.2f})" if top else "; no diagnosis yet"
    events = list(incidents.timeline(incident.id))
    if not all(approvals.may_see(principal, request) for request in approvals.for_incident(incident.id)):
        events = without_proposals(events)
    last = events[-1:]
    happened = f"; last: {last[0].text} ({last[0].at:%H:%M} UTC)" if last else ""
    return _citation("incidents", {"label": incident.label}, f"{_line(incident)}{cause}{happened}")


def unresolved(incidents: ReadsIncidents, principal: Principal, subjects: Sequence[str] = ()) -> list[Citation]:
    """Incidents that are not over, about `subjects` if any are given."""
    found = [
        incident
        for incident in incidents.list(statuses=_UNRESOLVED, tenants=principal.tenants_with(MAY_ASK), limit=50)
        if principal.roles_in(incident.tenant) & MAY_ASK and (not subjects or set(subjects) & set(incident.subjects))
    ]
    return [_citation("incidents", {"label": incident.label}, _line(incident)) for incident in found]


def waiting(approvals: ReadsApprovals, principal: Principal) -> list[Citation]:
    """Requests for approval that nobody has decided."""
    return [
        _citation(
            "approvals",
            {"id": request.id},
            f"{request.id}: {request.proposal.tool}, {request.proposal.plan.summary}; "
            f"needs {request.approvers_needed} approver(s), expires {request.expires_at:%H:%M} UTC",
        )
        for request in approvals.pending()
        if approvals.may_see(principal, request)
    ]


def _line(incident: Incident) -> str:
    outcome = f", {incident.outcome}" if incident.outcome else ""
    return f"{incident.label} is {incident.status}{outcome} ({incident.severity}): {incident.title}"


def _citation(source: str, arguments: dict[str, str], summary: str, *, found: bool = True) -> Citation:
    return Citation(
        id="", source=source, arguments=dict(arguments), status="success" if found else "no_data", summary=summary
    )
