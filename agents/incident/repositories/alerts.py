"""Alerts as stored, and which of them nobody has correlated yet."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.engine import Connection, RowMapping

from agents.incident.repositories.insert import insert_once
from agents.incident.tables import alerts, incident_alerts
from agents.incident.types import StoredAlert
from platform_core.monitoring.alert import Alert


def add(connection: Connection, stored: StoredAlert, *, pending: bool) -> bool:
    """Store it unless (source, fingerprint, starts_at) is known; then count the repeat. True if it was new.

    One that fires although its row has ended fires again: it is stored as having begun when it was received, unless
    that was done before and still fires.
    """
    if _insert(connection, stored, pending=pending):
        return True
    if not pending or _count_repeat(connection, _identity(stored.alert)):
        return False
    again = _newest_firing(connection, stored.alert)
    if again is not None:
        _count_repeat(connection, (alerts.c.id == again,))
        return False
    anew = stored.alert.model_copy(update={"starts_at": stored.received_at})
    return _insert(
        connection,
        stored.model_copy(update={"alert": anew, "effective_at": stored.received_at}),
        pending=True,
    )


def _insert(connection: Connection, stored: StoredAlert, *, pending: bool) -> bool:
    values = stored.alert.model_dump()
    values |= {
        "id": stored.id,
        "effective_at": stored.effective_at,
        "received_at": stored.received_at,
        "received_wall": stored.received_wall,
        "resolved_at": stored.received_at if stored.alert.status == "resolved" else None,
        "correlated_at": None if pending else stored.received_at,
    }
    return insert_once(connection, alerts, values)


def _count_repeat(connection: Connection, which: tuple[sa.ColumnElement[bool], ...]) -> bool:
    """Whether such a one fires."""
    repeat = sa.update(alerts).where(*which, alerts.c.status == "firing").values(repeats=alerts.c.repeats + 1)
    return connection.execute(repeat).rowcount == 1


def _newest_firing(connection: Connection, alert: Alert) -> str | None:
    query = (
        sa.select(alerts.c.id)
        .where(alerts.c.source == alert.source, alerts.c.fingerprint == alert.fingerprint, alerts.c.status == "firing")
        .order_by(alerts.c.starts_at.desc())
        .limit(1)
        .with_for_update()
    )
    return connection.execute(query).scalar_one_or_none()


def resolve(connection: Connection, alert: Alert, at: datetime) -> str | None:
    """Mark the firing alert of this identity as resolved, or the newest of its fingerprint: what fired again carries
    another start. Its id, or None if there was none firing."""
    found = connection.execute(
        sa.select(alerts.c.id).where(*_identity(alert), alerts.c.status == "firing").with_for_update()
    ).scalar_one_or_none()
    found = found or _newest_firing(connection, alert)
    if found is not None:
        connection.execute(sa.update(alerts).where(alerts.c.id == found).values(status="resolved", resolved_at=at))
    return found


def pending(connection: Connection, limit: int) -> list[StoredAlert]:
    """The oldest alerts that no incident has yet."""
    query = sa.select(alerts).where(alerts.c.correlated_at.is_(None)).order_by(alerts.c.id).limit(limit)
    return [_stored(row) for row in connection.execute(query).mappings()]


def join(connection: Connection, incident_id: str, stored: StoredAlert, at: datetime) -> None:
    connection.execute(sa.insert(incident_alerts).values(incident_id=incident_id, alert_id=stored.id, joined_at=at))
    connection.execute(sa.update(alerts).where(alerts.c.id == stored.id).values(correlated_at=at))


def of_incident(connection: Connection, incident_id: str) -> list[StoredAlert]:
    """Its alerts, in the order they came."""
    query = (
        sa.select(alerts)
        .join(incident_alerts, incident_alerts.c.alert_id == alerts.c.id)
        .where(incident_alerts.c.incident_id == incident_id)
        .order_by(alerts.c.id)
    )
    return [_stored(row) for row in connection.execute(query).mappings()]


def firing(connection: Connection, incident_id: str, *, joined_after: datetime | None = None) -> int:
    """How many of its alerts still fire; with `joined_after`, of those that came later than that."""
    query = (
        sa.select(sa.func.count())
        .select_from(alerts.join(incident_alerts, incident_alerts.c.alert_id == alerts.c.id))
        .where(incident_alerts.c.incident_id == incident_id, alerts.c.status == "firing")
    )
    if joined_after is not None:
        query = query.where(incident_alerts.c.joined_at > joined_after)
    return connection.execute(query).scalar_one()


def incident_of(connection: Connection, alert_id: str) -> str | None:
    return connection.execute(
        sa.select(incident_alerts.c.incident_id).where(incident_alerts.c.alert_id == alert_id)
    ).scalar_one_or_none()


def _identity(alert: Alert) -> tuple[sa.ColumnElement[bool], ...]:
    return (
        alerts.c.source == alert.source,
        alerts.c.fingerprint == alert.fingerprint,
        alerts.c.starts_at == alert.starts_at,
    )


def _stored(values: RowMapping) -> StoredAlert:
    alert = Alert.model_validate({name: values[name] for name in Alert.model_fields})
    return StoredAlert(
        id=values["id"],
        alert=alert,
        effective_at=values["effective_at"],
        received_at=values["received_at"],
        received_wall=values["received_wall"],
        repeats=values["repeats"],
    )
