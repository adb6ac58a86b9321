"""`POST /slack/events`: where Slack calls when the app runs over HTTP instead of Socket Mode."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastapi import APIRouter, Request, Response
from starlette.concurrency import run_in_threadpool

from foundation.errors import Unauthenticated
from interfaces.slack.requests import RequestGuard

if TYPE_CHECKING:
    from slack_bolt import App


def slack_router(app: App, guard: RequestGuard) -> APIRouter:
    """Verified by `guard` first, then by Bolt; the handlers, which block, run off the event loop.

    A request seen before is answered 200 and goes no further: Slack retries what it thinks was lost, and a replayed
    click must not decide twice.
    """
    router = APIRouter(tags=["slack"])

    @router.post("/slack/events", include_in_schema=False)
    async def events(request: Request) -> Response:  # pyright: ignore[reportUnusedFunction]
        from slack_bolt.adapter.starlette.handler import to_bolt_request, to_starlette_response

        body = await request.body()
        try:
            signature = guard.check_signature(
                body, request.headers.get("x-slack-request-timestamp"), request.headers.get("x-slack-signature")
            )
            body.decode()
        except UnicodeDecodeError:
            raise Unauthenticated("the body is not UTF-8") from None
        if not await run_in_threadpool(guard.first_time, signature):
            return Response(status_code=200)
        return to_starlette_response(await run_in_threadpool(app.dispatch, to_bolt_request(request, body)))

    return router
