"""Who is asking: `Authorization: Bearer <API key>`."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, FastAPI, Header, Request

from foundation.errors import Unauthenticated
from platform_core.access.directory import PrincipalDirectory
from platform_core.access.principals import Principal


def install_access(app: FastAPI, directory: PrincipalDirectory) -> None:
    """Let the routes of `app` know people by `directory`."""
    app.state.principals = directory


def caller_of(request: Request) -> Principal:
    """Who sent `request`. Raises Unauthenticated. For a route that reads its request itself."""
    return _caller(request, request.headers.get("authorization", ""))


def known_by(directory: PrincipalDirectory, authorization: str) -> Principal:
    """Whose API key the header `Authorization` holds. Raises Unauthenticated."""
    scheme, _, key = authorization.partition(" ")
    if scheme.lower() != "bearer" or not key.strip():
        raise Unauthenticated("who is asking?", hint="Authorization: Bearer <API key>")
    return directory.by_api_key(key.strip())


def _caller(request: Request, authorization: Annotated[str, Header()] = "") -> Principal:
    return known_by(request.app.state.principals, authorization)


Caller = Annotated[Principal, Depends(_caller)]
"""The principal of the request; a route that takes one answers 401 to everybody else."""
