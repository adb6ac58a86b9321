"""The control plane from another process, behind the same ports and with the same exceptions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Self
from urllib.parse import quote

import httpx

from foundation.errors import (
    Conflict,
    Forbidden,
    InvalidInput,
    NotFound,
    TooLarge,
    Unauthenticated,
    Unavailable,
    VigiaError,
)
from platform_core.operations.resources import Resource, ResourceChange, ResourceReader, ResourceWriter
from platform_core.operations.spec_patch import as_json

_ERRORS: dict[str, type[VigiaError]] = {
    error.code: error for error in (InvalidInput, Unauthenticated, Forbidden, NotFound, Conflict, TooLarge, Unavailable)
}


class ControlClient(ResourceReader, ResourceWriter):
    """Talks to `<base_url>/control/v1`. Thread-safe. `timeout` in seconds of the wall, per request.

    Unavailable after `patch` means that the effect is unknown: ask `find` with the same key.
    """

    def __init__(self, base_url: str, token: str | Callable[[], str], *, timeout: float = 5.0) -> None:
        self._base_url = base_url.rstrip("/")
        self._token = token if callable(token) else lambda: token
        self._http = httpx.Client(base_url=f"{self._base_url}/control/v1", timeout=timeout, trust_env=False)

    def close(self) -> None:
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def get(self, urn: str) -> Resource:
        return Resource.model_validate(self._send("GET", f"/resources/{quote(urn, safe=':')}"))

    def list(self, *, kind: str | None = None, tenant: str | None = None) -> list[Resource]:
        given = {name: value for name, value in (("kind", kind), ("tenant", tenant)) if value is not None}
        answer = self._send("GET", "/resources", params=given)
        return [Resource.model_validate(resource) for resource in answer["resources"]]

    def patch(
        self,
        urn: str,
        fields: dict[str, Any],
        *,
        expected_revision: int,
        idempotency_key: str,
        actor: str,
        reason: str,
    ) -> ResourceChange:
        answer = self._send(
            "PATCH",
            f"/resources/{quote(urn, safe=':')}",
            json={"fields": as_json(fields), "actor": actor, "reason": reason},
            headers={"If-Match": f'"{expected_revision}"', "Idempotency-Key": idempotency_key},
        )
        return ResourceChange.model_validate(answer)

    def find(self, idempotency_key: str) -> ResourceChange | None:
        change = self._send("GET", f"/changes/{quote(idempotency_key, safe='')}")["change"]
        return None if change is None else ResourceChange.model_validate(change)

    def withdraw(self, idempotency_key: str, *, actor: str) -> ResourceChange | None:
        path = f"/changes/{quote(idempotency_key, safe='')}/withdrawal"
        change = self._send("POST", path, json={"actor": actor})["change"]
        return None if change is None else ResourceChange.model_validate(change)

    def _send(self, method: str, path: str, **arguments: Any) -> dict[str, Any]:
        where = f"{method} {self._base_url}/control/v1{path}"
        headers = {"Authorization": f"Bearer {self._token()}"} | arguments.pop("headers", {})
        try:
            response = self._http.request(method, path, headers=headers, **arguments)
        except httpx.TransportError as error:
            raise Unavailable(
                f"the control API did not answer {where}: {error!r}", hint="is the serving process up?"
            ) from error
        if response.is_success:
            return response.json()
        raise _error(response, where)


def _error(response: httpx.Response, where: str) -> VigiaError:
    """The exception that the other side raised; Unavailable for an answer that is not one of its own."""
    try:
        body = response.json()["error"]
        return _ERRORS[body["code"]](body["message"], hint=body["hint"])
    except (ValueError, KeyError, TypeError):
        return Unavailable(f"{where} answered {response.status_code}: {response.text[:200]!r}")
