"""The incident's story, one line per event; a key makes telling it again harmless."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from agents.incident.repositories.insert import insert_once
from agents.incident.tables import timeline
from agents.incident.types import TimelineEvent


def tell(connection: Connection, event: TimelineEvent, *, key: str) -> bool:
    """Add the event unless one of this key has been told. True if it was new."""
    return insert_once(connection, timeline, event.model_dump() | {"key": key})


def of_incident(connection: Connection, incident_id: str) -> list[TimelineEvent]:
    query = (
        sa.select(*(timeline.c[name] for name in TimelineEvent.model_fields))
        .where(timeline.c.incident_id == incident_id)
        .order_by(timeline.c.at, timeline.c.id)
    )
    return [TimelineEvent.model_validate(dict(row)) for row in connection.execute(query).mappings()]
