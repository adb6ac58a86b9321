"""A clock that runs behind would bring what has run out back to life: it is compared with the newest audit entry."""

from __future__ import annotations

from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from audit.chain import has_intake
from audit.tables import audit_entries, audit_intake
from foundation.clock import Clock
from foundation.errors import Unavailable

TOLERANCE = timedelta(seconds=30)
"""Of the wall: what clocks that are kept in step may differ, with room to spare."""

_NEWEST = sa.select(audit_entries.c.recorded_at).order_by(audit_entries.c.sequence.desc()).limit(1)
_WAITING = sa.select(sa.func.max(audit_intake.c.recorded_at))


def require_sane_clock(connection: Connection, clock: Clock) -> datetime:
    """Now, read inside the transaction. Raises Unavailable when the log was written well after it: one of the clocks
    that write there is wrong, and a time limit cannot be told."""
    newest = connection.scalar(_NEWEST)
    if has_intake(connection):
        waiting = connection.scalar(_WAITING)
        newest = max((at for at in (newest, waiting) if at is not None), default=None)
    return not_before(newest, clock)


def not_before(newest: datetime | None, clock: Clock) -> datetime:
    """Now. Raises Unavailable when it is well before `newest`, the time of the log's newest entry."""
    now = clock.now()
    if newest is not None and newest - now > TOLERANCE * max(1.0, clock.speed):
        raise Unavailable(
            f"this clock says {now.isoformat()}, the audit log was written at {newest.isoformat()}: nothing is done",
            hint="set the clocks of the machines that share the database (NTP)",
        )
    return now
