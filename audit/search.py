"""Looks entries up by what they are about. It reads what is stored; whether that was rewritten, `audit.verify` says."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from audit.chain import has_intake
from audit.entry import AuditRecord
from audit.leaf import parse_json
from audit.tables import audit_entries, audit_intake


def records_about(connection: Connection, subject: str, *, incident_id: str) -> list[AuditRecord]:
    """What the log says of `subject` within its incident, oldest first; what waits for its place is part of it."""
    query: sa.Select[Any] | sa.CompoundSelect[Any] = _query(audit_entries, "sequence", subject, incident_id)
    if has_intake(connection):
        # One statement, hence one view of both tables: the sequencer moves a row between them, never in or out.
        query = sa.union_all(query, _query(audit_intake, "id", subject, incident_id))
    rows: list[tuple[Any, ...]] = sorted((tuple(row) for row in connection.execute(query)), key=_place)
    names = list(AuditRecord.model_fields)
    found: list[dict[str, Any]] = [dict(zip(names, row[2:], strict=True)) for row in rows]
    return [AuditRecord.model_validate({**row, "payload": parse_json(row["payload"])}) for row in found]


def _place(row: tuple[Any, ...]) -> tuple[int, int]:
    """What waits comes after what has its place."""
    return row[0], row[1]


def _query(table: sa.Table, order: str, subject: str, incident_id: str) -> sa.Select[Any]:
    columns = [table.c[name] for name in AuditRecord.model_fields]
    waiting = sa.literal(int(table is audit_intake), sa.Integer)
    found = sa.select(waiting, table.c[order], *columns)
    return found.where(table.c.incident_id == incident_id, table.c.subject == subject)
