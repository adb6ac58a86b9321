"""Incidents: numbered, and moved from status to status by compare-and-set."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from agents.incident.tables import incidents, leases
from agents.incident.types import Incident, IncidentStatus
from foundation.errors import NotFound

_FIELDS = tuple(incidents.c[name] for name in Incident.model_fields)


def next_number(connection: Connection) -> int:
    """One more than the highest. The caller holds the write lock (SQLite) or the correlator's (PostgreSQL)."""
    return connection.execute(sa.select(sa.func.coalesce(sa.func.max(incidents.c.number), 0) + 1)).scalar_one()


def add(connection: Connection, incident: Incident) -> None:
    connection.execute(
        sa.insert(incidents).values(
            incident.model_dump() | {"subjects": list(incident.subjects), "last_alert_at": incident.opened_at}
        )
    )


def get(connection: Connection, incident_id: str) -> Incident:
    row = connection.execute(sa.select(*_FIELDS).where(incidents.c.id == incident_id)).mappings().one_or_none()
    if row is None:
        raise NotFound(f"no incident {incident_id!r}", hint="`vigia incidents list` shows them")
    return Incident.model_validate(dict(row))


def by_number(connection: Connection, number: int) -> Incident:
    row = connection.execute(sa.select(*_FIELDS).where(incidents.c.number == number)).mappings().one_or_none()
    if row is None:
        raise NotFound(f"no incident INC-{number:04d}", hint="`vigia incidents list` shows them")
    return Incident.model_validate(dict(row))


def newest(
    connection: Connection,
    *,
    statuses: Sequence[IncidentStatus] | None = None,
    tenants: Collection[str] | None = None,
    limit: int = 100,
) -> list[Incident]:
    query = sa.select(*_FIELDS).order_by(incidents.c.number.desc()).limit(limit)
    if statuses is not None:
        query = query.where(incidents.c.status.in_(statuses))
    if tenants is not None and "*" not in tenants:
        query = query.where(incidents.c.tenant.in_(tenants))
    return [Incident.model_validate(dict(row)) for row in connection.execute(query).mappings()]


def joinable(connection: Connection, *, last_alert_since: datetime, mitigated_since: datetime) -> list[Incident]:
    """Incidents that a new alert may belong to, oldest first: unresolved ones that had an alert in the window or are
    still being worked on, and those mitigated within the cooldown."""
    query = (
        sa.select(*_FIELDS)
        .where(
            sa.or_(
                incidents.c.status.in_(("open", "investigating", "awaiting_approval", "mitigating"))
                & (incidents.c.last_alert_at >= last_alert_since),
                (incidents.c.status == "mitigated") & (incidents.c.mitigated_at >= mitigated_since),
            )
        )
        .order_by(incidents.c.number)
    )
    return [Incident.model_validate(dict(row)) for row in connection.execute(query).mappings()]


def idle(connection: Connection) -> list[Incident]:
    """Unfinished ones with nothing to do now, oldest first: all of them, however many wait for a person."""
    query = (
        sa.select(*_FIELDS)
        .join(leases, leases.c.incident_id == incidents.c.id)
        .where(leases.c.state == "done", incidents.c.status.in_(("mitigated", "investigating")))
        .order_by(incidents.c.number)
    )
    return [Incident.model_validate(dict(row)) for row in connection.execute(query).mappings()]


def absorb(connection: Connection, incident: Incident, *, last_alert_at: datetime) -> None:
    """Store what alerts that joined have widened: subjects and severity, not the status."""
    connection.execute(
        sa.update(incidents)
        .where(incidents.c.id == incident.id)
        .values(
            subjects=list(incident.subjects),
            severity=incident.severity,
            tenant=incident.tenant,
            updated_at=incident.updated_at,
            last_alert_at=last_alert_at,
            version=incidents.c.version + 1,
        )
    )


def move(
    connection: Connection,
    incident_id: str,
    *,
    expected: IncidentStatus,
    to: IncidentStatus,
    outcome: str | None,
    at: datetime,
) -> bool:
    """Compare-and-set of the status; False if somebody moved it first."""
    values: dict[str, object] = {
        "status": to,
        "outcome": outcome,
        "updated_at": at,
        "version": incidents.c.version + 1,
    }
    if to == "mitigated":
        values["mitigated_at"] = at
    changed = connection.execute(
        sa.update(incidents).where(incidents.c.id == incident_id, incidents.c.status == expected).values(values)
    )
    return changed.rowcount == 1


def retitle(connection: Connection, incident_id: str, title: str) -> None:
    connection.execute(sa.update(incidents).where(incidents.c.id == incident_id).values(title=title))


def touch(connection: Connection, incident_id: str, at: datetime) -> None:
    """Something about it is worth telling again."""
    connection.execute(
        sa.update(incidents).where(incidents.c.id == incident_id).values(version=incidents.c.version + 1, updated_at=at)
    )


def advance_round(connection: Connection, incident_id: str, *, finished: int) -> int:
    """The round after `finished`; calling it twice for the same round moves it once."""
    connection.execute(
        sa.update(incidents)
        .where(incidents.c.id == incident_id, incidents.c.round == finished)
        .values(round=finished + 1)
    )
    return round_of(connection, incident_id)


def round_of(connection: Connection, incident_id: str) -> int:
    return connection.execute(sa.select(incidents.c.round).where(incidents.c.id == incident_id)).scalar_one()


def mitigated_at(connection: Connection, incident_id: str) -> datetime | None:
    return connection.execute(
        sa.select(incidents.c.mitigated_at).where(incidents.c.id == incident_id)
    ).scalar_one_or_none()


def unannounced(connection: Connection, limit: int) -> list[tuple[str, int]]:
    """(incident id, version) of those whose card has changed since it was last sent, longest waiting first."""
    rows = connection.execute(
        sa.select(incidents.c.id, incidents.c.version)
        .where(incidents.c.announced < incidents.c.version)
        .order_by(incidents.c.updated_at)
        .limit(limit)
    )
    return [(row.id, row.version) for row in rows]


def mark_announced(connection: Connection, incident_id: str, version: int) -> None:
    connection.execute(
        sa.update(incidents)
        .where(incidents.c.id == incident_id, incidents.c.announced < version)
        .values(announced=version)
    )
