"""What engineers said about diagnoses afterwards."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from agents.incident.tables import verdict_feedback
from agents.incident.types import CauseRecord, VerdictFeedback


def record(connection: Connection, feedback: VerdictFeedback) -> None:
    """One voice per principal and incident: the last word counts."""
    connection.execute(
        sa.delete(verdict_feedback).where(
            verdict_feedback.c.incident_id == feedback.incident_id,
            verdict_feedback.c.principal_id == feedback.principal_id,
        )
    )
    connection.execute(sa.insert(verdict_feedback).values(feedback.model_dump()))


def per_cause(connection: Connection) -> dict[str, CauseRecord]:
    """How often each diagnosed cause was called right and wrong, and how often it was the actual one of a wrong."""
    table = verdict_feedback.c
    said = connection.execute(
        sa.select(
            table.cause,
            sa.func.sum(sa.case((table.correct, 1), else_=0)).label("right"),
            sa.func.sum(sa.case((table.correct, 0), else_=1)).label("wrong"),
        ).group_by(table.cause)
    )
    records = {row.cause: CauseRecord(right=int(row.right), wrong=int(row.wrong)) for row in said}
    missed = connection.execute(
        sa.select(table.actual_cause, sa.func.count().label("missed"))
        .where(table.actual_cause.is_not(None), table.correct.is_(sa.false()))
        .group_by(table.actual_cause)
    )
    for row in missed:
        known = records.get(row.actual_cause, CauseRecord())
        records[row.actual_cause] = known.model_copy(update={"missed": int(row.missed)})
    return records
