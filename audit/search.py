"""Looks entries up by what they are about. It reads what is stored; whether that was rewritten, `audit.verify` says."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from audit.entry import AuditRecord
from audit.leaf import parse_json
from audit.tables import audit_entries


def records_about(connection: Connection, subject: str, *, incident_id: str) -> list[AuditRecord]:
    """What the log says of `subject` within its incident, oldest first."""
    table = audit_entries.c
    columns = [table[name] for name in AuditRecord.model_fields]
    query = sa.select(*columns).where(table.incident_id == incident_id, table.subject == subject)
    rows = connection.execute(query.order_by(table.sequence)).mappings()
    return [AuditRecord.model_validate({**row, "payload": parse_json(row["payload"])}) for row in rows]
