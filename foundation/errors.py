"""The one exception hierarchy of the project.

    VigiaError
    ├── InvalidInput        422  the caller sent something that cannot be used
    ├── Unauthenticated     401  nobody we know, or a wrong signature
    ├── Forbidden           403  somebody we know, who may not do this
    ├── NotFound            404
    ├── Conflict            409  the state moved: somebody else decided, the revision changed, a duplicate
    ├── TooLarge            413
    └── Unavailable         503  a store, a server or the audit log cannot be reached: nothing was done

Every error says what was wrong (`message`), and what to do about it (`hint`). The HTTP meaning is on the class, so
that the API, its OpenAPI document and the command line agree.
"""

from __future__ import annotations

from typing import ClassVar


class VigiaError(Exception):
    """Base of everything this project raises on purpose."""

    code: ClassVar[str] = "error"
    http_status: ClassVar[int] = 500

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return self.message if self.hint is None else f"{self.message} ({self.hint})"


class InvalidInput(VigiaError):
    code = "invalid_input"
    http_status = 422


class Unauthenticated(VigiaError):
    code = "unauthenticated"
    http_status = 401


class Forbidden(VigiaError):
    code = "forbidden"
    http_status = 403


class NotFound(VigiaError):
    code = "not_found"
    http_status = 404


class Conflict(VigiaError):
    code = "conflict"
    http_status = 409


class TooLarge(VigiaError):
    code = "too_large"
    http_status = 413


class Unavailable(VigiaError):
    code = "unavailable"
    http_status = 503
