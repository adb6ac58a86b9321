"""The port through which every room writes to the log."""

from __future__ import annotations

from typing import Protocol

from sqlalchemy.engine import Connection

from audit.entry import AuditEntry, AuditRecord


class AuditLog(Protocol):
    """Append, and nothing else: there is no way to change or remove an entry."""

    def append(self, record: AuditRecord, *, connection: Connection | None = None) -> object:
        """Write `record` durably.

        With `connection` the entry joins that write transaction, so that a change and its entry are stored together
        or not at all; without it the entry is committed before this returns. Raises foundation.errors.Unavailable
        when the log cannot be written: whoever was about to act must then not act.
        """
        ...


class Sealing(Protocol):
    """Encrypts the personal fields of records on their way in, and opens them again while their key exists."""

    def sealed(self, connection: Connection, record: AuditRecord) -> AuditRecord: ...

    def opened(self, connection: Connection, entry: AuditEntry) -> AuditEntry: ...
