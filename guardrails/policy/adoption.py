"""Tells the audit log which policy is in force since when, once per change whoever sees it first."""

from __future__ import annotations

from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.engine import Engine
from sqlalchemy.exc import IntegrityError

from audit.entry import AuditRecord
from audit.port import AuditLog
from foundation.clock import Clock
from foundation.database import transaction
from foundation.errors import VigiaError
from foundation.telemetry.logs import get_logger
from guardrails import locks
from guardrails.policy.loading import DEFAULT_POLICY
from guardrails.policy.policy import Policy
from guardrails.policy.tables import policy_versions

log = get_logger(__name__)


class PolicyRecorder:
    """`actor` is the principal id of the process, e.g. `service:worker`."""

    def __init__(self, engine: Engine, clock: Clock, audit: AuditLog, *, actor: str) -> None:
        self._engine = engine
        self._clock = clock
        self._audit = audit
        self._actor = actor

    def adopted(self, policy: Policy, path: Path) -> None:
        """`policy` from `path` comes into force. The same as the newest known one says nothing, nor does the built-in
        one where there never was another. Raises Unavailable."""
        try:
            with transaction(self._engine) as connection:
                locks.taking_away(connection)
                newest = sa.select(policy_versions).order_by(policy_versions.c.version.desc()).limit(1)
                before = connection.execute(newest).one_or_none()
                if before.digest == policy.digest if before is not None else path == DEFAULT_POLICY:
                    return
                version = 1 if before is None else before.version + 1
                row = {"digest": policy.digest, "path": str(path)[-400:], "adopted_at": self._clock.now()}
                connection.execute(sa.insert(policy_versions).values(version=version, **row))
                document = policy.document
                payload: dict[str, object] = {
                    "policy_sha256": policy.digest,
                    "before_sha256": None if before is None else before.digest,
                    "rules": [rule.name for rule in document.rules],
                    "freezes": [freeze.name for freeze in document.freezes],
                    "grants": [grant.name for grant in document.grants],
                }
                self._audit.append(self._record("policy.changed", path, payload), connection=connection)
        except IntegrityError:
            # Another process saw the same file at the same moment and has told of it.
            return

    def refused(self, path: Path, reason: str) -> None:
        try:
            self._audit.append(self._record("policy.refused", path, {"reason": reason[:1000]}))
        except VigiaError as error:
            log.warning("a refused policy file could not be audited", reason=error.message)

    def _record(self, action: str, path: Path, payload: dict[str, object]) -> AuditRecord:
        return AuditRecord(action=action, actor=self._actor, subject=f"policy:{path.name}", payload=payload)
