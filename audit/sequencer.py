"""Gives the entries that wait in the intake their places in the log, many at a time (PostgreSQL).

Writers commit their entries to `audit_intake` with the change they tell of and never wait for one another. One
sequencer at a time moves rows into `audit_entries`, in the order of their ids: hashes are computed here, the content is
copied inside the database, and a row is in exactly one of the two tables at any moment. If entry A was committed before
B was written, A comes before B; entries of transactions that ran side by side come in either order.
"""

from __future__ import annotations

import threading
from collections.abc import Generator
from contextlib import contextmanager

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from audit.chain import Content, Link, has_intake, link, read_head
from foundation.database import reading, transaction
from foundation.errors import VigiaError
from foundation.telemetry.logs import get_logger

log = get_logger(__name__)

BATCH = 2000
IDLE_SECONDS = 0.1
"""On the wall: for how long an entry waits for its place when there is nothing else to do."""

_ADVISORY_KEY = 0x76696769_6C6F6731
"""Any fixed 64-bit number: the sequencers of this log, and nobody else, queue on it."""

_CONTENT = ", ".join(name for name in Content._fields)
_ISO = """to_char(recorded_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"+00:00"')"""
_WAITING = f"SELECT id, {_CONTENT.replace('recorded_at', _ISO)} FROM audit_intake ORDER BY id LIMIT %s"  # noqa: S608 - constants of this file
_MOVE = f"""
INSERT INTO audit_entries (sequence, {_CONTENT}, previous_hash, leaf_hash, frontier, intake_id)
SELECT place.sequence, {", ".join(f"i.{name}" for name in Content._fields)},
       place.previous_hash, place.leaf_hash, place.frontier, i.id
FROM unnest(%s::bigint[], %s::bigint[], %s::text[], %s::text[], %s::bytea[])
     AS place (id, sequence, previous_hash, leaf_hash, frontier)
JOIN audit_intake i ON i.id = place.id
"""  # noqa: S608 - constants of this file
_MAY = "SELECT has_table_privilege('audit_entries', 'INSERT') AND has_table_privilege('audit_intake', 'DELETE')"
_REMOVE = "DELETE FROM audit_intake WHERE id = ANY(%s)"


def integrate(engine: Engine, *, batch: int = BATCH, wait: bool = True) -> int:
    """Sequence everything that was committed before this call; the number of entries.

    With `wait` false it leaves the work to another sequencer that is at it. Raises Unavailable.
    """
    if not has_intake(engine):
        return 0
    with reading(engine) as connection:
        if connection.exec_driver_sql("SELECT 1 FROM audit_intake LIMIT 1").first() is None:
            return 0
    total = 0
    while True:
        with transaction(engine) as connection:
            moved = _integrate_batch(connection, batch) if _take_turn(connection, wait) else 0
        total += moved
        if moved < batch:
            return total


def integrate_if_allowed(engine: Engine) -> None:
    """For who only reads: places what waits where this role may, and leaves it `pending` where only others may."""
    if not has_intake(engine):
        return
    with reading(engine) as connection:
        allowed = connection.exec_driver_sql(_MAY).scalar_one()
    if allowed:
        integrate(engine)


def pending(connection: Connection) -> int:
    """How many entries are durable and have no place yet."""
    return connection.exec_driver_sql("SELECT count(*) FROM audit_intake").scalar_one()


@contextmanager
def sequencing(engine: Engine, stop: threading.Event) -> Generator[None]:
    """While the block runs, entries get their places within about `IDLE_SECONDS`, and the rest at its end."""
    if not has_intake(engine):
        yield
        return

    def once() -> None:
        try:
            integrate(engine, wait=False)
        except VigiaError as error:
            log.warning("audit entries wait for their places", reason=error.message)
        except Exception:
            # Whatever it was, the next round may succeed, and without this thread nothing gets a place.
            log.exception("audit entries wait for their places")

    def repeat() -> None:
        while not stop.wait(IDLE_SECONDS):
            once()

    thread = threading.Thread(target=repeat, name="audit-sequencer", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(timeout=5)
        once()


def _take_turn(connection: Connection, wait: bool) -> bool:
    """Held to the end of the transaction."""
    if wait:
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_ADVISORY_KEY)))
        return True
    return bool(connection.scalar(sa.select(sa.func.pg_try_advisory_xact_lock(_ADVISORY_KEY))))


def _integrate_batch(connection: Connection, batch: int) -> int:
    head = read_head(connection)
    ids: list[int] = []
    places: list[Link] = []
    for row in connection.exec_driver_sql(_WAITING, (batch,)):
        intake_id, *content = row
        placed, head = link(head, Content(*content))
        ids.append(intake_id)
        places.append(placed)
    if ids:
        connection.exec_driver_sql(_MOVE, (ids, *(list(column) for column in zip(*places, strict=True))))
        connection.exec_driver_sql(_REMOVE, (ids,))
    return len(ids)
