"""What stands in the database at the moment of a claim, read at once: one round trip instead of three."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from sqlalchemy.engine import Connection

from foundation.driver_sql import DriverSql, moment
from foundation.errors import NotFound
from guardrails.approvals.store import Stored
from guardrails.approvals.switch import KillSwitch

_ENTRIES = "(SELECT recorded_at FROM audit_entries ORDER BY sequence DESC LIMIT 1)"
_INTAKE = "(SELECT max(recorded_at) FROM audit_intake)"
_READ = """
SELECT p.document, r.document_sha256, p.digest, {newest}, s.engaged, s.changed_by, s.reason, s.changed_at
FROM approval_requests r
JOIN proposals p ON p.id = r.proposal_id
LEFT JOIN guard_switches s ON s.name = 'kill_switch'
WHERE r.id = ?
"""
_STANDING = DriverSql(_READ.format(newest=_ENTRIES), postgresql=_READ.format(newest=f"greatest({_ENTRIES}, {_INTAKE})"))


class Standing(NamedTuple):
    """`newest` is when the log was written last; None for a log without entries."""

    stored: Stored
    newest: datetime | None
    switch: KillSwitch


def standing_of(connection: Connection, request_id: str) -> Standing:
    """Raises NotFound."""
    row = _STANDING(connection, request_id).one_or_none()
    if row is None:
        raise NotFound(f"there is no approval request {request_id!r}")
    document, shown, digest, newest, engaged, changed_by, reason, changed_at = tuple(row)
    switch = KillSwitch(engaged=False)
    if engaged is not None:
        switch = KillSwitch(engaged=bool(engaged), changed_by=changed_by, reason=reason, changed_at=moment(changed_at))
    return Standing(Stored(document, shown, digest), None if newest is None else moment(newest), switch)
