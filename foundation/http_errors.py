"""Errors as every HTTP API of the project answers them: `{"error": {"code", "message", "hint"}}`.

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


def error_body(code: str, message: str, hint: str | None = None) -> dict[str, Any]:
    return {"error": {"code": code, "message": message, "hint": hint}}


def install_error_handlers(app: FastAPI) -> None:
    """Give `app` the project's error bodies for its own errors, for requests that do not validate, and for routing."""
    app.add_exception_handler(VigiaError, _on_vigia_error)
    app.add_exception_handler(RequestValidationError, _on_validation_error)
    app.add_exception_handler(HTTPException, _on_http_exception)


async def _on_vigia_error(_request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, VigiaError)  # noqa: S101  registered for this class only
    return error_response(error)


def error_response(error: VigiaError) -> JSONResponse:
    headers = {"WWW-Authenticate": "Bearer"} if error.http_status == 401 else None
    return JSONResponse(error_body(error.code, error.message, error.hint), error.http_status, headers)


async def _on_validation_error(_request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)  # noqa: S101  registered for this class only
    found = error.errors()
    # Names in the path are the caller's own, as long and as many as they like.
    problems = [f"{'.'.join(str(part)[:80] for part in e['loc'][:6])}: {e['msg'][:300]}" for e in found[:MOST_PROBLEMS]]
    if len(found) > MOST_PROBLEMS:
        problems.append(f"and {len(found) - MOST_PROBLEMS} more")
    return JSONResponse(error_body(InvalidInput.code, "; ".join(problems)), InvalidInput.http_status)


async def _on_http_exception(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)  # noqa: S101  registered for this class only
    code = _STATUS_CODES.get(error.status_code, "error")
    message = f"{error.detail}: {request.method} {request.url.path}"
    return JSONResponse(error_body(code, message), error.status_code, error.headers)
