"""The console's forms to propose and to edit: what is typed, then the diff it comes to, then the question to others."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.responses import RedirectResponse

from agents.incident.proposing import Proposed
from foundation.errors import InvalidInput, NotFound
from foundation.reasons import LONGEST_REASON
from interfaces.console.fields import as_typed, one_line_field
from interfaces.console.pages import CheckCsrf, Show, Who
from interfaces.http.services import CopilotServices, visible_approval, visible_incident
from platform_core.access.principals import Principal

ARGUMENT = "arg."
_LONGEST = LONGEST_REASON


async def _form(request: Request) -> dict[str, str]:
    """The fields of the form; files are none of ours. Raises InvalidInput for one too long: cut it were another."""
    async with request.form(max_files=0, max_fields=60) as form:
        fields = {name: value for name, value in form.items() if isinstance(value, str)}
    long = [name.removeprefix(ARGUMENT) for name, value in fields.items() if len(value) > _LONGEST]
    if long:
        raise InvalidInput(f"{long[0][:80]} is longer than {_LONGEST} characters", hint="nothing was asked")
    return fields


Form = Annotated[dict[str, str], Depends(_form)]


def add_proposal_pages(
    router: APIRouter, services: CopilotServices, who: Who, show: Show, check_csrf: CheckCsrf
) -> None:
    @router.get("/console/incidents/{reference}/propose")
    def choose(request: Request, reference: str, tool: Annotated[str | None, Query(max_length=80)] = None) -> Response:
        principal = who(request)
        found = visible_incident(services, principal, reference)
        actions = services.actions()
        chosen = next((action for action in actions if action.name == tool), None)
        if tool is not None and chosen is None:
            raise NotFound(f"there is no action {tool!r}", hint="choose one of the list")
        return show(request, "propose.html", principal=principal, incident=found, actions=actions, chosen=chosen)

    @router.post("/console/incidents/{reference}/propose")
    def propose(request: Request, reference: str, form: Form) -> Response:
        principal = who(request)
        check_csrf(request, form.get("csrf", ""))
        tool = form.get("tool", "")
        given = {name: value for name, value in _arguments(form).items() if value}
        made = services.proposals().propose(
            reference, principal, tool, given,
            reason=form.get("reason", ""), channel="console", shown=form.get("digest"), dry_run="digest" not in form,
        )  # fmt: skip
        return _answer(request, principal, made, form, given, action=f"/console/incidents/{reference}/propose")

    @router.post("/console/approvals/{request_id}/edit")
    def edit(request: Request, request_id: str, form: Form) -> Response:
        principal = who(request)
        check_csrf(request, form.get("csrf", ""))
        before = visible_approval(services, principal, request_id).proposal.arguments
        typed = _arguments(form)
        given = {name: value or None for name, value in typed.items() if value != as_typed(before.get(name))}
        if not given:
            raise InvalidInput("nothing was changed", hint="go back and change an argument")
        made = services.proposals().revise(
            request_id, principal, given,
            reason=form.get("reason", ""), channel="console", shown=form.get("digest"), dry_run="digest" not in form,
        )  # fmt: skip
        return _answer(request, principal, made, form, typed, action=f"/console/approvals/{request_id}/edit")

    def _answer(
        request: Request,
        principal: Principal,
        made: Proposed,
        form: dict[str, str],
        arguments: dict[str, str],
        *,
        action: str,
    ) -> Response:
        if made.request is not None:
            return RedirectResponse(f"/console/incidents/{made.proposal.incident_id}#proposal", 303)
        hidden = {f"{ARGUMENT}{name}": value for name, value in arguments.items()}
        hidden |= {"reason": form.get("reason", ""), "tool": form.get("tool", ""), "digest": made.proposal.digest}
        return show(request, "draft.html", principal=principal, made=made, action=action, hidden=hidden)


def _arguments(form: dict[str, str]) -> dict[str, str]:
    given = {name: text for name, text in form.items() if name.startswith(ARGUMENT)}
    return {name.removeprefix(ARGUMENT): one_line_field(text) for name, text in given.items()}
