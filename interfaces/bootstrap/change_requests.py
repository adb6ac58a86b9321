"""A change that a person asks for outside any incident: recorded as one, and decided as every other change is.

The request opens an incident on the subject (an alert of the source `vigia-requests`, audited as all are), waits until
the worker has looked at it, and proposes there. What then happens (approval, execution by the worker's executor,
verification, undo) is what happens to every proposal.
"""

from __future__ import annotations

import time
from typing import Any

from agents.incident.inbox import AlertInbox
from agents.incident.proposing import ProposalDesk
from agents.incident.store import IncidentStore
from agents.incident.types import Incident
from foundation.errors import Conflict, Unavailable
from foundation.frozen import Frozen
from foundation.ids import new_id
from guardrails.approvals.service import ApprovalService
from guardrails.approvals.types import ApprovalRequest
from interfaces.bootstrap.foundations import Foundations
from interfaces.bootstrap.governance import make_approvals, make_policy
from interfaces.bootstrap.proposals import make_proposals
from interfaces.bootstrap.redaction import redactor
from interfaces.bootstrap.stores import make_incidents
from platform_core.access.principals import Principal
from platform_core.monitoring.alert import Alert
from platform_core.operations.resources import Resource
from platform_core.urn import parse_urn

SOURCE = "vigia-requests"
_PAUSE = 0.25


class ChangeRequest(Frozen):
    incident: str
    request: str
    status: str
    summary: str


class ChangeRequests:
    def __init__(self, base: Foundations) -> None:
        self._base = base
        self._incidents: IncidentStore = make_incidents(base)
        self._approvals: ApprovalService = make_approvals(base, make_policy(base.settings))
        self._desk: ProposalDesk = make_proposals(base, self._incidents, self._approvals)
        self._inbox = AlertInbox(base.engine, base.clock, base.audit, redact=redactor(base.settings).redact)

    def ask(
        self, subject: Resource, person: Principal, tool: str, arguments: dict[str, Any], reason: str, *, wait: float
    ) -> ChangeRequest:
        """Propose `tool` for `subject`; of the same request that waits already, that one.

        Raises Unavailable when no worker looked at it within `wait` seconds of the wall, and as `ProposalDesk.propose`.
        """
        since = self._base.clock.now()
        if self._on(subject) is None:
            self._inbox.receive([self._alert(subject, person, tool, reason)])
        deadline = time.monotonic() + wait
        last: Conflict | None = None
        while True:
            incident = self._on(subject)
            if incident is not None:
                if (waiting := self._waiting(incident, tool)) is not None:
                    return _answer(incident, waiting)
                try:
                    made = self._desk.propose(incident.id, person, tool, arguments, reason=reason, channel="cli")
                except Conflict as busy:
                    last = busy
                else:
                    if made.request is not None:
                        return _answer(incident, made.request)
            if time.monotonic() >= deadline:
                raise Unavailable(
                    f"nobody took the request of {since:%H:%M:%S} UTC up within {wait:g} s"
                    + (f": {last.message}" if last else ""),
                    hint="is `vigia worker` running? what was halted stays halted; ask again later",
                )
            time.sleep(_PAUSE)

    def _on(self, subject: Resource) -> Incident | None:
        """The newest incident about the subject that is not over."""
        open_ones = [i for i in self._incidents.list() if i.status != "resolved" and subject.urn in i.subjects]
        return open_ones[0] if open_ones else None

    def _waiting(self, incident: Incident, tool: str) -> ApprovalRequest | None:
        found = self._approvals.for_incident(incident.id)
        return next((r for r in found if r.status in ("pending", "approved") and r.proposal.tool == tool), None)

    def _alert(self, subject: Resource, person: Principal, tool: str, reason: str) -> Alert:
        name = parse_urn(subject.urn)[1]
        return Alert(
            source=SOURCE,
            fingerprint=new_id("req"),
            starts_at=self._base.clock.now(),
            kind="other",
            subject=subject.urn,
            tenant=subject.tenant,
            severity="info",
            summary=f"{person.id} asks for {tool} on {name}: {reason}"[:2000],
            labels={"requested_by": person.id, "tool": tool},
        )


def _answer(incident: Incident, request: ApprovalRequest) -> ChangeRequest:
    summary = request.proposal.plan.summary
    return ChangeRequest(incident=incident.label, request=request.id, status=request.status, summary=summary)
