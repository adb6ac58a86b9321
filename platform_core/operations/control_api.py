"""The control API: the only way in which anything in production is changed.

    GET   /control/v1/resources?kind=&tenant=          {"resources": [Resource, …]}
    GET   /control/v1/resources/{urn}                  Resource, with its revision as ETag
    PATCH /control/v1/resources/{urn}                  ResourceChange; If-Match: "<revision>", Idempotency-Key: <key>
    GET   /control/v1/changes/{idempotency_key}        {"change": ResourceChange | null}
    POST  /control/v1/changes/{idempotency_key}/withdrawal   the same, and null means: nor will it ever be made

All with `Authorization: Bearer <token>`. The last two answer 200 with null, not 404: a caller that asks whether its
change took place must be able to tell "no" from a wrong address.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable, Coroutine
from typing import Annotated, Any, ClassVar, Protocol

from fastapi import APIRouter, Header, Path, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.routing import APIRoute
from pydantic import Field

from foundation.errors import InvalidInput, Unauthenticated, VigiaError
from foundation.frozen import Frozen
from platform_core.operations.resources import Resource, ResourceChange, ResourceReader, ResourceWriter


class PreconditionRequired(VigiaError):
    """A change without the revision it was planned against (RFC 6585)."""

    code: ClassVar[str] = "precondition_required"
    http_status: ClassVar[int] = 428


class ResourceStore(ResourceReader, ResourceWriter, Protocol):
    """Both halves of the control plane's port."""


class PatchRequest(Frozen):
    fields: dict[str, Any]
    actor: str = Field(min_length=1, max_length=160)
    reason: str = Field(min_length=1, max_length=2000)


class Withdrawal(Frozen):
    actor: str = Field(min_length=1, max_length=160)


class ResourceList(Frozen):
    resources: list[Resource]


class FoundChange(Frozen):
    change: ResourceChange | None


def control_router(resources: ResourceStore, token: str | Callable[[], str]) -> APIRouter:
    """The routes over `resources` for whoever holds `token`; one that may change is asked for at every request. The
    application must have `install_error_handlers`."""
    current = token if callable(token) else lambda: token
    if not current():
        raise InvalidInput("the control API needs a token", hint="an empty one would let everybody in")

    def authenticate(request: Request) -> None:
        scheme, _, given = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not hmac.compare_digest(given.encode(), current().encode()):
            raise Unauthenticated("the control API knows no such token", hint="Authorization: Bearer <token>")

    class _Authenticated(APIRoute):
        """The token is looked at before the body is read; a dependency would be asked after."""

        def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
            handle = super().get_route_handler()

            async def authenticated(request: Request) -> Response:
                # In a thread: a token that is looked up may take its time, and predictions are on this loop.
                await run_in_threadpool(authenticate, request)
                return await handle(request)

            return authenticated

    router = APIRouter(prefix="/control/v1", tags=["control"], route_class=_Authenticated)

    @router.get("/resources")
    def list_resources(kind: str | None = None, tenant: str | None = None) -> ResourceList:
        return ResourceList(resources=resources.list(kind=kind, tenant=tenant))

    @router.get("/resources/{urn}")
    def get_resource(urn: str, response: Response) -> Resource:
        resource = resources.get(urn)
        response.headers["ETag"] = f'"{resource.revision}"'
        return resource

    @router.patch("/resources/{urn}")
    def patch_resource(
        urn: str,
        request: PatchRequest,
        response: Response,
        if_match: Annotated[str | None, Header()] = None,
        idempotency_key: Annotated[str | None, Header(max_length=200)] = None,
    ) -> ResourceChange:
        if not idempotency_key:
            raise InvalidInput("the header Idempotency-Key is missing", hint="a fresh id per intended change")
        change = resources.patch(
            urn,
            request.fields,
            expected_revision=_revision(if_match),
            idempotency_key=idempotency_key,
            actor=request.actor,
            reason=request.reason,
        )
        response.headers["ETag"] = f'"{change.resource.revision}"'
        return change

    @router.get("/changes/{idempotency_key}")
    def find_change(idempotency_key: str) -> FoundChange:
        return FoundChange(change=resources.find(idempotency_key))

    @router.post("/changes/{idempotency_key}/withdrawal")
    def withdraw_change(idempotency_key: Annotated[str, Path(max_length=200)], request: Withdrawal) -> FoundChange:
        return FoundChange(change=resources.withdraw(idempotency_key, actor=request.actor))

    return router


def _revision(if_match: str | None) -> int:
    if if_match is None:
        raise PreconditionRequired("the header If-Match is missing", hint='If-Match: "<revision>" of the resource read')
    text = if_match.strip().strip('"')
    if not text.isdecimal():
        raise InvalidInput(f"If-Match {if_match!r} is not a revision", hint='one number, such as If-Match: "7"')
    return int(text)
