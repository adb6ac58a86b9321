"""Errors as every HTTP API of the project answers them: `{"error": {"code", "message", "hint"}}`.

What they say may repeat what was sent, so it goes through the redaction that the composition root hands in.

Kept on the floor because the control API, the inference server and the copilot's own API are in different rooms and
answer alike. Import it only where an application is built: it brings FastAPI.
"""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from foundation.errors import InvalidInput, VigiaError
from foundation.outside_text import OutsideText, Redact, unredacted

_STATUS_CODES = {
    401: "unauthenticated",
    403: "forbidden",
    404: "not_found",
    405: "method_not_allowed",
    409: "conflict",
    413: "too_large",
    422: "invalid_input",
    503: "unavailable",
}


MOST_PROBLEMS = 5
"""Of a request that does not validate, as many are told."""


LONGEST_MESSAGE = 2000
"""Characters of a message, and of a hint: names in a request are as long as their sender likes."""


class Answering:
    """How an application words its failures. Each has one, as `app.state.answering`."""

    def __init__(self, redact: Redact = unredacted) -> None:
        self._outside = OutsideText(redact)

    def body(self, code: str, message: str, hint: str | None = None) -> dict[str, Any]:
        return {"error": {"code": code, "message": self._said(message), "hint": hint and self._said(hint)}}

    def reworded(self, error: VigiaError) -> VigiaError:
        """`error` itself, as it may be shown."""
        error.message, error.hint = self._said(error.message), error.hint and self._said(error.hint)
        return error

    def response(self, error: VigiaError) -> JSONResponse:
        headers = {"WWW-Authenticate": "Bearer"} if error.http_status == 401 else None
        return JSONResponse(self.body(error.code, error.message, error.hint), error.http_status, headers)

    def _said(self, text: str) -> str:
        # Twice as much is looked at as is told, so that the cut leaves no part of a value that is found whole only.
        return self._outside.text(text[: 2 * LONGEST_MESSAGE])[:LONGEST_MESSAGE]


def install_error_handlers(app: FastAPI, redact: Redact = unredacted) -> None:
    """Give `app` the project's error bodies for its own errors, for requests that do not validate, and for routing."""
    app.state.answering = Answering(redact)
    app.add_exception_handler(VigiaError, _on_vigia_error)
    app.add_exception_handler(RequestValidationError, _on_validation_error)
    app.add_exception_handler(HTTPException, _on_http_exception)


async def _on_vigia_error(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, VigiaError)  # noqa: S101  registered for this class only
    return _answering(request).response(error)


async def _on_validation_error(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)  # noqa: S101  registered for this class only
    found = error.errors()
    # Names in the path are the caller's own, as long and as many as they like.
    problems = [f"{'.'.join(str(part)[:80] for part in e['loc'][:6])}: {e['msg'][:300]}" for e in found[:MOST_PROBLEMS]]
    if len(found) > MOST_PROBLEMS:
        problems.append(f"and {len(found) - MOST_PROBLEMS} more")
    body = _answering(request).body(InvalidInput.code, "; ".join(problems))
    return JSONResponse(body, InvalidInput.http_status)


async def _on_http_exception(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)  # noqa: S101  registered for this class only
    code = _STATUS_CODES.get(error.status_code, "error")
    body = _answering(request).body(code, f"{error.detail}: {request.method} {request.url.path}")
    return JSONResponse(body, error.status_code, error.headers)


def _answering(request: Request) -> Answering:
    return request.app.state.answering
