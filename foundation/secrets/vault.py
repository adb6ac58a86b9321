"""Secrets in HashiCorp Vault (or OpenBao), by its HTTP API: KV version 2, with the token's renewal.

    GET  /v1/{mount}/data/{path}        {"data": {"data": {field: value}, "metadata": {"version": 3}}}
    GET  /v1/auth/token/lookup-self     {"data": {"ttl": 2764800, "renewable": true}}
    POST /v1/auth/token/renew-self      {"auth": {"lease_duration": 3600, "renewable": true}}

Source: https://developer.hashicorp.com/vault/api-docs (kv-v2, token). No secret and no token is in any message: what
the server says is reduced to its status.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from foundation.errors import Forbidden, InvalidInput, NotFound, Unavailable, VigiaError

if TYPE_CHECKING:
    import httpx

_logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Read:
    fields: dict[str, Any]
    at: float


class VaultReader:
    """`token` is asked at each request, so that an agent may exchange it in its file.

    What was read is used for `refresh` seconds; while Vault does not answer, for `stale` seconds more, with a warning
    in the log; after that it is Unavailable. Thread-safe: one request at a time.
    """

    def __init__(
        self,
        address: str,
        token: Callable[[], str],
        *,
        namespace: str | None = None,
        timeout: float = 3.0,
        refresh: float = 60.0,
        stale: float = 600.0,
        seconds: Callable[[], float] = time.monotonic,
    ) -> None:
        self._address = address.rstrip("/")
        self._token = token
        self._namespace = namespace
        self._timeout = timeout
        self._refresh = refresh
        self._stale = stale
        self._seconds = seconds
        self._known: dict[str, _Read] = {}
        self._lock = threading.Lock()
        self._renew_at: float | None = None
        self._renewed: str | None = None
        self._http: httpx.Client | None = None

    def read(self, name: str, field: str) -> str:
        """`field` of `mount/path`. Raises NotFound, Forbidden, Unavailable, and InvalidInput for what is no text."""
        with self._lock:
            value = self._fields(name).get(field)
        if value is None:
            raise NotFound(f"vault:{name} has no field {field!r}", hint="see what was written there")
        if not isinstance(value, str) or not value:
            raise InvalidInput(f"vault:{name}#{field} is no text", hint="write it as a string")
        return value

    def _fields(self, name: str) -> dict[str, Any]:
        now, known = self._seconds(), self._known.get(name)
        if known is not None and now - known.at < self._refresh:
            return known.fields
        try:
            fields = self._fetch(name)
        except Unavailable as error:
            if known is None or now - known.at >= self._refresh + self._stale:
                raise
            _logger.warning("vault:%s is used as it was read %.0f s ago: %s", name, now - known.at, error.message)
            return known.fields
        self._known[name] = _Read(fields, now)
        return fields

    def _fetch(self, name: str) -> dict[str, Any]:
        self._keep_token()
        mount, _, path = name.partition("/")
        answer = self._ask("GET", f"/v1/{mount}/data/{path}", f"vault:{name}")
        data = answer.get("data")
        fields = cast(dict[str, Any], data).get("data") if isinstance(data, dict) else None
        if not isinstance(fields, dict):
            raise NotFound(f"vault:{name} holds nothing", hint="the newest version was deleted, or it is not KV 2")
        return cast(dict[str, Any], fields)

    def _keep_token(self) -> None:
        """Renew the token at half of its time. When that fails it is told, and the token used while it lasts."""
        token, now = self._token(), self._seconds()
        if token != self._renewed:
            self._renewed, self._renew_at = token, None
            self._plan(self._try("GET", "/v1/auth/token/lookup-self", "data", "ttl"), now)
        elif self._renew_at is not None and now >= self._renew_at:
            self._plan(self._try("POST", "/v1/auth/token/renew-self", "auth", "lease_duration"), now)

    def _plan(self, lasts: float | None, now: float) -> None:
        # Unknown: asked again after a minute; 0 is a token that never ends.
        self._renew_at = now + 60 if lasts is None else None if lasts == 0 else now + lasts / 2

    def _try(self, method: str, path: str, section: str, field: str) -> float | None:
        try:
            found = self._ask(method, path, "Vault's token").get(section)
        except VigiaError as error:
            _logger.warning("the token of Vault could not be renewed: %s", error.message)
            return None
        told = cast(dict[str, Any], found) if isinstance(found, dict) else {}
        lasts = told.get(field)
        if not isinstance(lasts, int | float):
            return None
        if not told.get("renewable"):
            if lasts:
                _logger.warning("the token of Vault ends in %.0f s and cannot be renewed", lasts)
            return 0
        return float(lasts)

    def _ask(self, method: str, path: str, what: str) -> dict[str, Any]:
        import httpx

        if self._http is None:
            self._http = httpx.Client(
                base_url=self._address,
                timeout=self._timeout,
                trust_env=False,
                limits=httpx.Limits(max_keepalive_connections=0),
            )
        headers = {"X-Vault-Token": self._token(), "X-Vault-Request": "true"}
        if self._namespace:
            headers["X-Vault-Namespace"] = self._namespace
        try:
            response = self._http.request(method, path, headers=headers)
        except httpx.TimeoutException:
            raise Unavailable(f"{what}: Vault did not answer within {self._timeout:g} s", hint=self._hint) from None
        except httpx.HTTPError as error:
            raise Unavailable(f"{what}: Vault cannot be reached ({type(error).__name__})", hint=self._hint) from None
        return _answer(response, what)

    @property
    def _hint(self) -> str:
        return f"is {self._address} up? VIGIA__SECRETS__VAULT_ADDRESS"


def _answer(response: httpx.Response, what: str) -> dict[str, Any]:
    if response.status_code == 404:
        raise NotFound(f"{what} is not there", hint="vault kv get shows what is")
    if response.status_code in (400, 401, 403):
        raise Forbidden(
            f"{what}: Vault refused ({response.status_code})", hint="does the token's policy allow to read it?"
        )
    if not response.is_success:
        told = {429: "too many requests", 472: "a secondary", 473: "a standby", 503: "sealed or in maintenance"}
        raise Unavailable(
            f"{what}: Vault answered {response.status_code} ({told.get(response.status_code, 'a failure')})"
        )
    try:
        found = response.json()
    except ValueError:
        raise Unavailable(f"{what}: Vault's answer is not JSON", hint="is that Vault's address?") from None
    return cast(dict[str, Any], found) if isinstance(found, dict) else {}
