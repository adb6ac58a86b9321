"""The console's pages of what waits for a decision: one by one, and at one look what is alike."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Depends, Form, Request, Response
from fastapi.responses import RedirectResponse

from agents.models.proposing import is_affair
from guardrails.approvals.batches import MOST, likeness
from guardrails.approvals.deciding import Verdict
from guardrails.approvals.types import ApprovalRequest
from interfaces.console.fields import reason_in
from interfaces.console.pages import CheckCsrf, Show, Who
from interfaces.http.services import CopilotServices, visible_approval


@dataclass(frozen=True)
class _Batch:
    """The fields of the form that decides what is alike."""

    ids: Annotated[list[str], Form(max_length=MOST)]
    digest: Annotated[str, Form(max_length=64)]
    verdict: Annotated[Verdict, Form()]
    reason: Annotated[str, Form()] = ""


def groups_of_alike(pending: Sequence[ApprovalRequest]) -> list[list[ApprovalRequest]]:
    """Of what waits, that of which there are several alike."""
    groups: dict[tuple[object, ...], list[ApprovalRequest]] = {}
    for request in pending:
        groups.setdefault(likeness(request), []).append(request)
    return [group for group in groups.values() if len(group) > 1]


def add_approval_pages(
    router: APIRouter, services: CopilotServices, who: Who, show: Show, check_csrf: CheckCsrf
) -> None:
    @router.get("/console/approvals")
    def approvals(request: Request) -> Response:
        principal = who(request)
        pending = [each for each in services.approvals.pending() if services.approvals.may_see(principal, each)]
        return show(
            request,
            "approvals.html",
            principal=principal,
            pending=pending,
            alike=groups_of_alike(pending),
            is_affair=is_affair,
            switch=services.approvals.kill_switch(),
        )

    @router.post("/console/approvals/{request_id}/decide")
    def decide(
        request: Request,
        request_id: str,
        csrf: Annotated[str, Form()],
        verdict: Annotated[Verdict, Form()],
        reason: Annotated[str, Form()] = "",
    ) -> Response:
        principal = who(request)
        check_csrf(request, csrf)
        visible_approval(services, principal, request_id)
        decided = services.approvals.decide(
            request_id, principal, verdict, reason=reason_in(services, reason), channel="console"
        )
        return RedirectResponse(_place_of(decided.proposal.incident_id), 303)

    @router.get("/console/approvals/{request_id}/like")
    def like(request: Request, request_id: str) -> Response:
        principal = who(request)
        visible_approval(services, principal, request_id)
        batch = services.approvals.like(request_id, lambda each: services.approvals.may_see(principal, each))
        requests = [services.approvals.get(each) for each in batch.request_ids]
        return show(request, "alike.html", principal=principal, batch=batch, requests=requests)

    @router.post("/console/approvals/decide-batch")
    def decide_batch(request: Request, csrf: Annotated[str, Form()], form: Annotated[_Batch, Depends()]) -> Response:
        principal = who(request)
        check_csrf(request, csrf)
        found = {each: visible_approval(services, principal, each) for each in form.ids}
        outcomes = services.approvals.decide_batch(
            form.ids, form.digest, principal, form.verdict, reason=reason_in(services, form.reason), channel="console"
        )
        return show(request, "decided.html", principal=principal, outcomes=outcomes, requests=found)


def _place_of(incident_id: str) -> str:
    """Where what was decided on is shown: its incident, or the list for what is no incident's."""
    return "/console/approvals" if is_affair(incident_id) else f"/console/incidents/{incident_id}"
