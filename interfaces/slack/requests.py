"""Whether a request really comes from Slack, and comes for the first time.

Bolt checks the signature but runs a handler as often as the same signed request is sent within five minutes, and the
SDK's verifier raises on a timestamp that is no number. Both are closed here, before Bolt sees the request.
Source of the signature scheme: Slack, *Verifying requests from Slack* (v0, HMAC-SHA256 over `v0:<timestamp>:<body>`).
"""

from __future__ import annotations

import hashlib
import time
from datetime import timedelta

import sqlalchemy as sa
from sqlalchemy.engine import Engine
from sqlalchemy.exc import IntegrityError

from foundation.clock import Clock
from foundation.database import transaction
from foundation.errors import Unauthenticated
from interfaces.slack.tables import slack_requests

SIGNATURE_WINDOW_SECONDS = 300
KEEP = timedelta(hours=1)


class RequestGuard:
    """Verifies, and remembers what was seen, across processes and restarts."""

    def __init__(self, engine: Engine, clock: Clock, signing_secret: str) -> None:
        from slack_sdk.signature import SignatureVerifier

        self._engine = engine
        self._clock = clock
        self._verifier = SignatureVerifier(signing_secret)

    def check_signature(self, body: bytes, timestamp: str | None, signature: str | None) -> str:
        """Raises Unauthenticated, saying which part was wrong. Returns the signature."""
        if timestamp is None or signature is None:
            raise Unauthenticated("the request carries no Slack signature", hint="is the request URL called by Slack?")
        if not signature.isascii():  # the SDK's comparison raises on it
            raise Unauthenticated("X-Slack-Signature is not a signature")
        if not timestamp.isascii() or not timestamp.isdigit() or len(timestamp) > 12:
            raise Unauthenticated(f"X-Slack-Request-Timestamp {timestamp[:32]!r} is not a number of seconds")
        if abs(time.time() - int(timestamp)) > SIGNATURE_WINDOW_SECONDS:
            raise Unauthenticated("the request was signed more than five minutes ago", hint="check this host's clock")
        if not self._verifier.is_valid(body=body, timestamp=timestamp, signature=signature):
            raise Unauthenticated("the request's signature is wrong", hint="check VIGIA__SLACK__SIGNING_SECRET")
        return signature

    def first_time(self, signature: str) -> bool:
        """Remember `signature`; False when it had been seen, so that the caller answers without acting again."""
        now = self._clock.now()
        key = hashlib.sha256(signature.encode()).hexdigest()
        try:
            with transaction(self._engine) as connection:
                connection.execute(
                    sa.delete(slack_requests).where(slack_requests.c.received_at < now - KEEP * self._clock.speed)
                )
                connection.execute(sa.insert(slack_requests).values(signature_sha256=key, received_at=now))
        except IntegrityError:
            return False
        return True
