"""Looks entries up by what they are about. It reads what is stored; whether that was rewritten, `audit.verify` says."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from audit.chain import has_intake
from audit.entry import AuditRecord
from audit.leaf import parse_json
from audit.tables import audit_entries, audit_intake


def records_about(connection: Connection, subject: str, *, incident_id: str) -> list[AuditRecord]:
    """What the log says of `subject` within its incident, oldest first; what waits for its place is part of it."""
    sequenced = _query(audit_entries, audit_entries.c.sequence, subject, incident_id)
    rows = list(
        connection.execute(_with_waiting(sequenced, subject, incident_id) if has_intake(connection) else sequenced)
    )
    names = list(AuditRecord.model_fields)
    found = [dict(zip(names, row[2:], strict=True)) for row in sorted(rows, key=lambda row: tuple(row[:2]))]
    return [AuditRecord.model_validate({**row, "payload": parse_json(str(row["payload"]))}) for row in found]


def _with_waiting(
    sequenced: sa.Select[tuple[object, ...]], subject: str, incident_id: str
) -> sa.CompoundSelect[tuple[object, ...]]:
    # One statement, hence one view of both tables: the sequencer moves a row between them, never in or out.
    return sa.union_all(sequenced, _query(audit_intake, audit_intake.c.id, subject, incident_id))


def _query(table: sa.Table, order: sa.Column[object], subject: str, incident_id: str) -> sa.Select[tuple[object, ...]]:
    columns = [table.c[name] for name in AuditRecord.model_fields]
    waiting = sa.literal(int(table is audit_intake), sa.Integer)
    return sa.select(waiting, order, *columns).where(table.c.incident_id == incident_id, table.c.subject == subject)
