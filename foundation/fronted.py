"""A web application with short cuts: requests that take less time than a framework's layers pass none of them."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from starlette.types import ASGIApp, Receive, Scope, Send


class FrontedApp(FastAPI):
    """A FastAPI application that hands some POSTs to plain ASGI applications before it looks at them itself.

    What stands ahead sees no middleware and no routing, and answers errors itself; `scope["app"]` is this application.
    """

    def __init__(self, **fields: Any) -> None:
        super().__init__(**fields)
        self._at: dict[str, ASGIApp] = {}
        self._below: list[tuple[str, ASGIApp]] = []

    def ahead(self, path: str, app: ASGIApp) -> None:
        """POSTs to `path` go to `app`; where it ends with a `/`, those to all that is below it."""
        if path.endswith("/"):
            self._below.append((path, app))
        else:
            self._at[path] = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["method"] == "POST" and (app := self._found(scope["path"])) is not None:
            scope["app"] = self
            await app(scope, receive, send)
        else:
            await super().__call__(scope, receive, send)

    def _found(self, path: str) -> ASGIApp | None:
        found = self._at.get(path)
        if found is None:
            for below, app in self._below:
                if path.startswith(below):
                    return app
        return found
