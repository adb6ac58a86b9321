"""How errors look in the OpenAPI document, and what happens to those that nobody expected."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse

from foundation.frozen import Frozen
from foundation.telemetry.logs import get_logger

log = get_logger(__name__)


class ErrorDetail(Frozen):
    code: str
    message: str
    hint: str | None = None


class ErrorAnswer(Frozen):
    error: ErrorDetail


_MEANINGS = {
    401: "Nobody we know, or a wrong signature",
    403: "Known, but may not do this",
    404: "There is no such thing",
    409: "The state moved: read it again",
    413: "The body is too large",
    422: "The request cannot be used; the message says which part",
    503: "A store cannot be reached; nothing was done",
}


def answers(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """`responses=` of a route, for these statuses."""
    return {status: {"model": ErrorAnswer, "description": _MEANINGS[status]} for status in statuses}


def install_last_resort(app: FastAPI) -> None:
    """An unexpected error answers 500 without internals; the log has them. After `install_error_handlers`."""

    async def on_error(request: Request, error: Exception) -> JSONResponse:
        log.error("request failed", method=request.method, path=request.url.path, error=repr(error))
        body = request.app.state.answering.body("internal", "an unexpected error; it has been logged")
        return JSONResponse(body, 500)

    app.add_exception_handler(Exception, on_error)
