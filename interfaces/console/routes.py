"""The console's addresses. An error is a page that says what was wrong; without a session, the sign-in page."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Annotated, Any

from fastapi import APIRouter, Form, Query, Request, Response
from fastapi.responses import RedirectResponse
from fastapi.routing import APIRoute

from foundation.errors import Forbidden, NotFound, Unauthenticated, VigiaError
from guardrails.approvals.break_glass import BrokenGlass
from interfaces.console.approvals import add_approval_pages
from interfaces.console.fields import reason_in
from interfaces.console.pages import CheckCsrf, Show, Who
from interfaces.console.proposing import add_proposal_pages
from interfaces.console.rendering import HEADERS, icon, page, style_sheet
from interfaces.console.session import COOKIE, Refusals, Sessions, sign_in
from interfaces.console.verification import RecentVerification
from interfaces.http.services import CopilotServices, visible_card, visible_incident, visible_timeline
from platform_core.access.principals import Principal

PAGE_SIZE = 100


class _ConsoleRoute(APIRoute):
    """Errors of ours become pages."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def handle_or_explain(request: Request) -> Response:
            try:
                return await handle(request)
            except Unauthenticated as error:
                if request.method == "GET":
                    return RedirectResponse("/console/login", 303)
                return _error_page(request, error)
            except VigiaError as error:
                return _error_page(request, error)

        return handle_or_explain


def _error_page(request: Request, error: VigiaError) -> Response:
    said = request.app.state.answering.reworded(error)
    return page("error.html", status=error.http_status, principal=None, csrf="", error=said)


def console_routes(services: CopilotServices, sessions: Sessions, *, secure_cookies: bool) -> APIRouter:
    router = APIRouter(include_in_schema=False, route_class=_ConsoleRoute)

    verification = RecentVerification(services.verify_audit)
    refusals = Refusals(services.audit)

    def who(request: Request) -> Principal:
        principal_id = sessions.read(request.cookies.get(COOKIE))
        if principal_id is None:
            raise Unauthenticated("nobody is signed in")
        try:
            return services.principals.get(principal_id)
        except NotFound:
            raise Unauthenticated("you are not in the principals file any more") from None

    def show(request: Request, template: str, **values: Any) -> Response:
        csrf = sessions.csrf(request.cookies.get(COOKIE, ""))
        return page(template, csrf=csrf, glass=_glass_over(services, values["principal"]), **values)

    def check_csrf(request: Request, presented: str) -> None:
        if not sessions.csrf_holds(request.cookies.get(COOKIE, ""), presented):
            raise Forbidden("the form is stale or was not ours: nothing was done", hint="open the page again")

    _add_public_files(router)

    @router.get("/console/login")
    def login_page() -> Response:
        return page("login.html", principal=None, csrf="", problem=None)

    @router.post("/console/login")
    def login(request: Request, api_key: Annotated[str, Form(max_length=400)]) -> Response:
        try:
            principal = sign_in(services.principals, services.audit, refusals, request, api_key)
        except Unauthenticated as error:
            return page("login.html", status=401, principal=None, csrf="", problem=error.message)
        answer = RedirectResponse("/console", 303, HEADERS)
        answer.set_cookie(
            COOKIE,
            sessions.issue(principal.id),
            max_age=int(sessions.lifetime),
            httponly=True,
            samesite="strict",
            secure=secure_cookies,
            path="/",
        )
        return answer

    @router.post("/console/logout")
    def logout(request: Request, csrf: Annotated[str, Form()]) -> Response:
        check_csrf(request, csrf)
        answer = RedirectResponse("/console/login", 303)
        answer.delete_cookie(COOKIE, path="/")
        return answer

    @router.get("/console")
    def incidents(request: Request) -> Response:
        principal = who(request)
        found = services.incidents.list(tenants=principal.tenants_with(), limit=PAGE_SIZE)
        return show(request, "incidents.html", principal=principal, incidents=found)

    @router.get("/console/incidents/{reference}")
    def incident(request: Request, reference: str) -> Response:
        principal = who(request)
        found = visible_incident(services, principal, reference)
        return show(
            request,
            "incident.html",
            principal=principal,
            card=visible_card(services, principal, found.id),
            timeline=visible_timeline(services, principal, found.id),
            evidence=services.incidents.evidence(found.id),
            actions=services.actions(),
        )

    add_approval_pages(router, services, who, show, check_csrf)
    add_proposal_pages(router, services, who, show, check_csrf)

    @router.get("/console/audit")
    def audit(request: Request, start: Annotated[int | None, Query(ge=0)] = None) -> Response:
        principal = who(request)
        if not principal.may_act_for(None):
            raise Forbidden("the audit log tells of every tenant; your grant does not", hint="ask an admin")
        head = services.audit.head()
        first = max(0, head.size - PAGE_SIZE) if start is None else start
        return show(
            request,
            "audit.html",
            principal=principal,
            head=head,
            report=verification.of(head),
            entries=services.audit.entries(start=first, limit=PAGE_SIZE),
            first=first,
            page_size=PAGE_SIZE,
        )

    _add_kill_switch(router, services, who, check_csrf)
    _add_health(router, services, who, show)
    return router


def _add_kill_switch(router: APIRouter, services: CopilotServices, who: Who, check_csrf: CheckCsrf) -> None:
    @router.post("/console/kill-switch")
    def kill_switch(
        request: Request,
        csrf: Annotated[str, Form()],
        engaged: Annotated[bool, Form()],
        reason: Annotated[str, Form()] = "",
    ) -> Response:
        check_csrf(request, csrf)
        services.approvals.set_kill_switch(engaged, who(request), reason_in(services, reason))
        return RedirectResponse("/console/approvals", 303)


def _add_health(router: APIRouter, services: CopilotServices, who: Who, show: Show) -> None:
    @router.get("/console/health")
    def health(request: Request) -> Response:
        return show(request, "health.html", principal=who(request), checks=services.readiness())


def _glass_over(services: CopilotServices, principal: Principal) -> list[BrokenGlass]:
    """Broken glass that reaches one of their tenants and holds, or waits for its review."""
    return [glass for glass in services.broken_glass() if glass.tenant is None or principal.may_act_for(glass.tenant)]


def _add_public_files(router: APIRouter) -> None:
    """What a browser needs before anybody signs in."""

    @router.get("/")
    def home() -> Response:
        return RedirectResponse("/console", 303)

    @router.get("/console/static/console.css")
    def css() -> Response:
        return Response(style_sheet(), media_type="text/css", headers={"Cache-Control": "max-age=300"})

    @router.get("/console/static/icon.svg")
    def icon_file() -> Response:
        return Response(icon(), media_type="image/svg+xml", headers={"Cache-Control": "max-age=86400"})
