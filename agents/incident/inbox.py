"""The durable alert inbox: what it has acknowledged is stored and audited, once. What it stores is redacted."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from datetime import timedelta

from sqlalchemy.engine import Connection, Engine

from agents.incident.repositories import alerts as rows
from agents.incident.types import StoredAlert
from audit.entry import AuditRecord
from audit.port import AuditLog
from foundation.clock import Clock
from foundation.database import transaction
from foundation.frozen import Frozen
from foundation.ids import new_id
from foundation.outside_text import OutsideText, Redact, unredacted
from foundation.telemetry import metrics
from platform_core.monitoring.alert import Alert

CLOCK_TOLERANCE = timedelta(hours=1)
"""A `starts_at` further from our clock than this identifies the alert but does not say when it began."""

ACTOR = "service:inbox"


class InboxReceipt(Frozen):
    """What became of a batch: stored now, known before, and marked as resolved."""

    accepted: int
    duplicates: int
    resolved: int = 0


class AlertInbox:
    def __init__(
        self,
        engine: Engine,
        clock: Clock,
        audit: AuditLog,
        *,
        redact: Redact = unredacted,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._engine = engine
        self._clock = clock
        self._audit = audit
        self._outside = OutsideText(redact)
        self._wall = wall

    def receive(self, alerts: Sequence[Alert]) -> InboxReceipt:
        """Store the batch with its audit entries in one transaction: all of it or nothing.

        Raises foundation.errors.Unavailable when the database or the audit log cannot be written; the sender then has
        no acknowledgement and sends again.
        """
        accepted = resolved = 0
        harmless = [self._harmless(alert) for alert in alerts]
        counted: list[tuple[str, bool]] = []
        with transaction(self._engine) as connection:
            records: list[AuditRecord] = []
            # In one order for every sender, so that two batches of the same alerts wait instead of deadlocking.
            for alert in sorted(harmless, key=lambda a: (a.source, a.fingerprint, a.starts_at)):
                if alert.status == "resolved" and (ended := self._resolve(connection, alert)):
                    records.append(ended)
                    resolved += 1
                elif new := self._store(connection, alert):
                    records.append(new)
                    accepted += 1
                    counted.append((alert.kind, True))
                else:
                    counted.append((alert.kind, False))
            # Last, because appends queue on one another and whoever holds the queue must not wait for a row.
            for record in records:
                self._audit.append(record, connection=connection)
        for kind, new in counted:
            (metrics.alerts_received if new else metrics.alerts_duplicate).labels(kind).inc()
        return InboxReceipt(accepted=accepted, duplicates=len(alerts) - accepted - resolved, resolved=resolved)

    def _harmless(self, alert: Alert) -> Alert:
        """`alert` as it may be kept. One value has one pseudonym, so it is the same alert when it comes again."""
        return alert.model_copy(
            update={
                "fingerprint": self._outside.text(alert.fingerprint),
                "subject": self._outside.text(alert.subject),
                "summary": self._outside.text(alert.summary),
                "labels": self._outside.value(alert.labels),
            }
        )

    def _store(self, connection: Connection, alert: Alert) -> AuditRecord | None:
        """What to audit if it was new."""
        now = self._clock.now()
        stored = StoredAlert(
            id=new_id("alr"),
            alert=alert,
            effective_at=now if abs(alert.starts_at - now) > CLOCK_TOLERANCE else alert.starts_at,
            received_at=now,
            received_wall=self._wall(),
        )
        # Over before we heard of it: kept for the record, nothing to investigate.
        new = rows.add(connection, stored, pending=alert.status == "firing")
        return _record("alert.received", stored.id, alert) if new else None

    def _resolve(self, connection: Connection, alert: Alert) -> AuditRecord | None:
        """What to audit if an alert of this identity was firing."""
        alert_id = rows.resolve(connection, alert, self._clock.now())
        if alert_id is None:
            return None
        return _record("alert.resolved", alert_id, alert, incident_id=rows.incident_of(connection, alert_id))


def _record(action: str, alert_id: str, alert: Alert, *, incident_id: str | None = None) -> AuditRecord:
    return AuditRecord(
        action=action,
        actor=ACTOR,
        subject=alert.subject,
        tenant=alert.tenant,
        incident_id=incident_id,
        payload={
            "alert_id": alert_id,
            "source": alert.source,
            "fingerprint": alert.fingerprint,
            "starts_at": alert.starts_at.isoformat(),
            "kind": alert.kind,
            "severity": alert.severity,
        },
    )
