"""An audit log in memory: order without hashes. Stricter than the real one: a payload must be that of its kind."""

from __future__ import annotations

from sqlalchemy.engine import Connection

from audit.entry import AuditEntry, AuditRecord
from audit.kinds import KINDS
from audit.port import AuditLog
from foundation.clock import Clock
from foundation.errors import Unavailable


class FakeAuditLog(AuditLog):
    """Keeps what was appended; refuses while `down`. A rolled back transaction does not take its records back."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.records: list[AuditRecord] = []
        self.down = False

    def append(self, record: AuditRecord, *, connection: Connection | None = None) -> AuditEntry:
        if self.down:
            raise Unavailable("the audit log is down")
        kind = KINDS.get(record.action)
        if kind is not None:
            kind.payload.model_validate(record.payload)
        self.records.append(record)
        return AuditEntry(
            sequence=len(self.records) - 1,
            recorded_at=self._clock.now(),
            record=record,
            previous_hash="0" * 64,
            leaf_hash="0" * 64,
        )

    def actions(self) -> list[str]:
        return [record.action for record in self.records]
