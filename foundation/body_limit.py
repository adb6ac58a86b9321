"""A limit on request bodies, enforced while they arrive: a sender cannot make us hold more than that in memory."""

from __future__ import annotations

from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send


class BodyLimit:
    """ASGI middleware. Raises HTTP 413 from `receive`, so that the application answers it as it answers any error."""

    def __init__(self, app: ASGIApp, limit: int) -> None:
        self._app = app
        self._limit = limit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        announced = dict(scope["headers"]).get(b"content-length", b"0")
        seen = 0

        async def limited() -> Message:
            nonlocal seen
            if announced.isdigit() and int(announced) > self._limit:
                raise self._too_large()
            message = await receive()
            seen += len(message.get("body", b""))
            if seen > self._limit:
                raise self._too_large()
            return message

        await self._app(scope, limited, send)

    def _too_large(self) -> HTTPException:
        # The rest of the body is not read, so the connection cannot be used again.
        return HTTPException(413, f"the body is larger than {self._limit} bytes", {"Connection": "close"})
