"""An audit log for unit tests: keeps what it is given, in the caller's process."""

from __future__ import annotations

from sqlalchemy.engine import Connection

from audit.entry import AuditEntry, AuditRecord
from audit.port import AuditLog
from foundation.clock import Clock
from foundation.errors import Unavailable


class ListAuditLog(AuditLog):
    """`fail` makes the next appends raise, as a log that cannot be written does."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.records: list[AuditRecord] = []
        self.fail = False

    def append(self, record: AuditRecord, *, connection: Connection | None = None) -> AuditEntry:
        if self.fail:
            raise Unavailable("the audit log cannot be written")
        self.records.append(record)
        return AuditEntry(
            sequence=len(self.records) - 1,
            recorded_at=self._clock.now(),
            record=record,
            previous_hash="0" * 64,
            leaf_hash="1" * 64,
        )

    def actions(self) -> list[str]:
        return [record.action for record in self.records]
