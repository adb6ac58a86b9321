"""Incidents: the list, the card, the timeline, the evidence, and what the engineer thought of the diagnosis."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import Field

from agents.evidence import Evidence
from agents.incident.card import IncidentCard
from agents.incident.types import Incident, IncidentStatus, TimelineEvent, VerdictFeedback
from foundation.frozen import Frozen
from interfaces.http.access import Caller
from interfaces.http.errors import answers
from interfaces.http.services import CopilotServices, visible_card, visible_incident, visible_timeline
from platform_core.monitoring.alert import Alert


class Feedback(Frozen):
    """`correct`: the cause named first was it. If not, `actual_cause` says which it was, where that is known."""

    correct: bool
    actual_cause: str | None = Field(default=None, max_length=100)
    note: str | None = Field(default=None, max_length=2000)


def incident_routes(services: CopilotServices) -> APIRouter:
    router = APIRouter(prefix="/v1/incidents", tags=["incidents"])

    @router.get("", responses=answers(401, 422))
    def list_incidents(
        who: Caller,
        status: Annotated[list[IncidentStatus] | None, Query()] = None,
        limit: Annotated[int, Query(ge=1, le=500)] = 100,
    ) -> list[Incident]:
        """The incidents of the caller's tenants, newest first."""
        return services.incidents.list(statuses=status, tenants=who.tenants_with(), limit=limit)

    @router.get("/{incident}", responses=answers(401, 404))
    def card(incident: str, who: Caller) -> IncidentCard:
        """What the engineer sees: what broke, how sure, what is proposed."""
        return visible_card(services, who, visible_incident(services, who, incident).id)

    @router.get("/{incident}/alerts", responses=answers(401, 404))
    def alerts(incident: str, who: Caller) -> list[Alert]:
        """What it was raised for, in the order of arrival."""
        stored = services.incidents.alerts(visible_incident(services, who, incident).id)
        return [each.alert for each in stored]

    @router.get("/{incident}/timeline", responses=answers(401, 404))
    def timeline(incident: str, who: Caller) -> list[TimelineEvent]:
        return visible_timeline(services, who, visible_incident(services, who, incident).id)

    @router.get("/{incident}/evidence", responses=answers(401, 404))
    def evidence(incident: str, who: Caller) -> list[Evidence]:
        return services.incidents.evidence(visible_incident(services, who, incident).id)

    @router.post("/{incident}/feedback", status_code=201, responses=answers(401, 403, 404, 409, 422))
    def feedback(incident: str, content: Feedback, who: Caller) -> VerdictFeedback:
        """Say whether the diagnosis was right; it feeds the priors of the next ones. The last word counts."""
        found = visible_incident(services, who, incident)
        return services.feedback.record(
            found.id, who, correct=content.correct, actual_cause=content.actual_cause, note=content.note
        )

    return router
