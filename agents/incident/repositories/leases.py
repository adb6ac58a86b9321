"""Who works on which incident. A lease ends on the wall clock, so that a dead worker's work is taken over soon."""

from __future__ import annotations

from collections.abc import Collection

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from agents.incident.repositories.insert import insert_once
from agents.incident.tables import leases


def add(connection: Connection, incident_id: str) -> None:
    insert_once(connection, leases, {"incident_id": incident_id, "state": "ready"})


def due(connection: Connection, *, now: float, undecided: Collection[str]) -> list[str]:
    """Incidents with work that nobody holds: ready ones, and parked ones whose approval is no longer undecided or that
    new alerts ask to look at again."""
    parked = leases.c.state == "parked"
    if undecided:
        parked &= (
            leases.c.approval_id.is_(None) | leases.c.approval_id.not_in(undecided) | (leases.c.look_again_wall <= now)
        )
    rows = connection.execute(
        sa.select(leases.c.incident_id)
        .where((leases.c.state == "ready") | parked, _free(now))
        .order_by(leases.c.not_before_wall, leases.c.incident_id)
    )
    return list(rows.scalars())


def claim(connection: Connection, incident_id: str, owner: str, *, now: float, until: float) -> bool:
    """Take it with one conditional UPDATE; False if somebody else holds it or there is nothing to do."""
    taken = connection.execute(
        sa.update(leases)
        .where(leases.c.incident_id == incident_id, leases.c.state != "done", _free(now))
        # ready, until it is let go of: what a dead worker was at with it is not done, decided or not
        .values(state="ready", owner=owner, expires_wall=until)
    )
    return taken.rowcount == 1


def renew(connection: Connection, owner: str, held: Collection[str], *, until: float) -> set[str]:
    """Extend those leases of `owner` that it still works on; returns which of them it has."""
    mine = (leases.c.owner == owner) & leases.c.incident_id.in_(held)
    connection.execute(sa.update(leases).where(mine).values(expires_wall=until))
    return set(connection.execute(sa.select(leases.c.incident_id).where(mine)).scalars())


def park(connection: Connection, incident_id: str, owner: str, approval_id: str) -> bool:
    """Let go of it until the approval is decided."""
    return _release(connection, incident_id, owner, state="parked", approval_id=approval_id, attempts=0)


def rest(connection: Connection, incident_id: str, owner: str, *, until: float) -> bool:
    """Let go of it, and leave it alone until then: what it waits for needs no decision."""
    return _release(connection, incident_id, owner, state="ready", approval_id=None, attempts=0, not_before_wall=until)


def finish(connection: Connection, incident_id: str, owner: str) -> bool:
    """Let go of it: there is nothing more to do."""
    return _release(connection, incident_id, owner, state="done", approval_id=None, attempts=0)


def back_off(connection: Connection, incident_id: str, owner: str, *, until: float) -> bool:
    """Let go of it after a failure, and leave it alone until then."""
    return _release(connection, incident_id, owner, attempts=leases.c.attempts + 1, not_before_wall=until)


def is_done(connection: Connection, incident_id: str) -> bool:
    """Whether nobody has anything to do with it."""
    query = sa.select(leases.c.state).where(leases.c.incident_id == incident_id)
    return connection.execute(query).scalar_one_or_none() == "done"


def wake(connection: Connection, incident_id: str) -> None:
    """There is work again."""
    connection.execute(
        sa.update(leases)
        .where(leases.c.incident_id == incident_id)
        .values(state="ready", approval_id=None, attempts=0, not_before_wall=0.0)
    )


def ask_to_look_again(connection: Connection, incident_id: str, *, at: float) -> None:
    """New alerts ask for another look; the first to ask says when, so that a storm cannot put it off."""
    connection.execute(
        sa.update(leases)
        .where(leases.c.incident_id == incident_id, leases.c.look_again_wall.is_(None))
        .values(look_again_wall=at)
    )


def asked_to_look_again(connection: Connection, incident_id: str) -> float | None:
    """When the look is due, on the wall; None when nobody asked since the last."""
    query = sa.select(leases.c.look_again_wall).where(leases.c.incident_id == incident_id)
    return connection.execute(query).scalar_one_or_none()


def looked(connection: Connection, incident_id: str) -> None:
    connection.execute(sa.update(leases).where(leases.c.incident_id == incident_id).values(look_again_wall=None))


def attempts(connection: Connection, incident_id: str) -> int:
    return connection.execute(sa.select(leases.c.attempts).where(leases.c.incident_id == incident_id)).scalar_one()


def _free(now: float) -> sa.ColumnElement[bool]:
    return (leases.c.not_before_wall <= now) & (leases.c.owner.is_(None) | (leases.c.expires_wall < now))


def _release(connection: Connection, incident_id: str, owner: str, **values: object) -> bool:
    let_go = connection.execute(
        sa.update(leases)
        .where(leases.c.incident_id == incident_id, leases.c.owner == owner)
        .values(owner=None, expires_wall=0.0, **values)
    )
    return let_go.rowcount == 1
