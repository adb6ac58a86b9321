"""The port through which every room writes to the log."""

from __future__ import annotations

from typing import Protocol

from sqlalchemy.engine import Connection

from audit.entry import AuditEntry, AuditRecord


class AuditLog(Protocol):
    """Append, and nothing else: there is no way to change or remove an entry."""

    def append(self, record: AuditRecord, *, connection: Connection | None = None) -> AuditEntry:
        """Write `record` durably and return it in its place.

        With `connection` the entry joins that write transaction, so that a change and its entry are stored together
        or not at all; without it the entry is committed before this returns. Raises foundation.errors.Unavailable
        when the log cannot be written: whoever was about to act must then not act.
        """
        ...
