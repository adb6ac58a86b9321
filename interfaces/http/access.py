"""Who is asking: `Authorization: Bearer <API key>`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

from fastapi import Header
from platform_core.access.directory import PrincipalDirectory

from foundation.errors import Unauthenticated
from platform_core.access.principals import Principal


def principal_from(directory: PrincipalDirectory) -> Callable[..., Principal]:
    """A FastAPI dependency: the principal of the request, or Unauthenticated."""

    def who(authorization: Annotated[str, Header()] = "") -> Principal:
        scheme, _, key = authorization.partition(" ")
        if scheme.lower() != "bearer" or not key.strip():
            raise Unauthenticated("who is asking?", hint="Authorization: Bearer <API key>")
        return directory.by_api_key(key.strip())

    return who
