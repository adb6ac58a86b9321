"""Looks entries up by what they are about. It reads what is stored; whether that was rewritten, `audit.verify` says."""

from __future__ import annotations

from typing import Any, NamedTuple

from sqlalchemy.engine import Connection

from audit.chain import has_intake
from audit.leaf import parse_json
from foundation.driver_sql import DriverSql

_SAID = "SELECT actor, action, payload FROM {} WHERE incident_id = ? AND subject = ? AND action IN (?, ?)"
_ENTRIES, _INTAKE = _SAID.format("audit_entries"), _SAID.format("audit_intake")
# One statement, hence one view of both tables: the sequencer moves a row between them, never in or out.
_SAID_OF = DriverSql(_ENTRIES, postgresql=f"{_ENTRIES} UNION ALL {_INTAKE}")


class Said(NamedTuple):
    """Of an entry, who said what."""

    actor: str
    action: str
    payload: dict[str, Any]


def said_of(connection: Connection, subject: str, *, incident_id: str, actions: tuple[str, str]) -> list[Said]:
    """What was said of `subject` within its incident by entries of either of `actions`, in no order, what waits for its
    place too."""
    asked = (incident_id, subject, *actions)
    rows = _SAID_OF(connection, *asked, *(asked if has_intake(connection) else ()))
    return [Said(actor, action, parse_json(payload)) for actor, action, payload in map(tuple, rows)]
