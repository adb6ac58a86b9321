"""The console's session: a signed cookie that holds who and until when, and the CSRF token derived from it."""

from __future__ import annotations

import hashlib
import hmac
import secrets
import threading
import time
from collections.abc import Callable

from fastapi import Request

from audit.entry import AuditRecord
from audit.port import AuditLog
from foundation.errors import Unauthenticated
from platform_core.access.directory import PrincipalDirectory
from platform_core.access.principals import Principal

COOKIE = "vigia_session"
MOST_REFUSALS = 10
"""Entries of refused sign-ins in one minute, whoever they come from: what is written here is kept for ever."""


class Refusals:
    """Tells the audit log of refused sign-ins: one entry a minute and client, `MOST_REFUSALS` a minute at most.

    What gets no entry is counted in memory: an entry's `refusals` are all since the one before. What was counted and
    not told is lost with the process.
    """

    def __init__(self, audit: AuditLog, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._audit = audit
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._minute = -1
        self._told: set[str | None] = set()
        self._untold = 0

    def note(self, payload: dict[str, str | None]) -> None:
        """Raises Unavailable when an entry is due and cannot be written."""
        with self._lock:
            minute = int(self._monotonic() // 60)
            if minute != self._minute:
                self._minute, self._told = minute, set()
            self._untold += 1
            if payload["client"] in self._told or len(self._told) >= MOST_REFUSALS:
                return
            self._told.add(payload["client"])
            refusals, self._untold = self._untold, 0
        nobody, counted = "human:unknown", payload | {"refusals": refusals}
        self._audit.append(AuditRecord(action="session.refused", actor=nobody, subject=nobody, payload=counted))


def sign_in(
    people: PrincipalDirectory, audit: AuditLog, refusals: Refusals, request: Request, api_key: str
) -> Principal:
    """Whose key it is. Audited before anything else: if it cannot be written, nobody signs in.

    Raises Unauthenticated, Unavailable.
    """
    payload = {"channel": "console", "client": request.client.host if request.client else None}
    try:
        principal = people.by_api_key(api_key.strip())
    except Unauthenticated:
        refusals.note(payload)
        raise
    audit.append(AuditRecord(action="session.opened", actor=principal.id, subject=principal.id, payload=payload))
    return principal


class Sessions:
    """`lifetime` in seconds of the wall."""

    def __init__(self, secret: bytes, *, lifetime: float, now: Callable[[], float] = time.time) -> None:
        self._secret = secret
        self.lifetime = lifetime
        self._now = now

    def issue(self, principal_id: str) -> str:
        """A cookie value for somebody who has just proven who they are."""
        content = f"{principal_id}|{int(self._now() + self.lifetime)}|{secrets.token_hex(8)}"
        return f"{content}|{self._sign('session', content)}"

    def read(self, cookie: str | None) -> str | None:
        """The principal's id; None for a cookie that is missing, altered or over."""
        content, _, signature = (cookie or "").rpartition("|")
        parts = content.split("|")
        if len(parts) != 3 or not hmac.compare_digest(signature.encode(), self._sign("session", content).encode()):
            return None
        return parts[0] if int(parts[1]) > self._now() else None

    def csrf(self, cookie: str) -> str:
        """The token that forms of this session carry."""
        return self._sign("csrf", cookie)

    def csrf_holds(self, cookie: str, presented: str) -> bool:
        return hmac.compare_digest(self.csrf(cookie).encode(), presented.encode())

    def _sign(self, purpose: str, content: str) -> str:
        return hmac.new(self._secret, f"{purpose}:{content}".encode(), hashlib.sha256).hexdigest()
