"""Hourly usage in the metadata database."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Connection, Engine

from foundation.database import reading, transaction
from platform_core.operations.tables import usage_hourly
from platform_core.operations.usage import UsageHour, UsageReader, UsageRecorder

_SHARED = ""
"""In place of no tenant: NULL cannot be part of a primary key."""


class SqlUsage(UsageRecorder, UsageReader):
    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def add_usage(self, records: list[UsageHour]) -> None:
        if not records:
            return
        with transaction(self._engine) as connection:
            for record in records:
                _add(connection, record)

    def usage_hours(self, start: datetime, end: datetime) -> list[UsageHour]:
        query = (
            sa.select(usage_hourly)
            .where(usage_hourly.c.hour >= start, usage_hourly.c.hour < end)
            .order_by(usage_hourly.c.hour, usage_hourly.c.subject, usage_hourly.c.tenant, usage_hourly.c.unit)
        )
        with reading(self._engine) as connection:
            rows = connection.execute(query).mappings()
            return [UsageHour.model_validate({**row, "tenant": row["tenant"] or None}) for row in rows]


def _add(connection: Connection, record: UsageHour) -> None:
    values = record.model_dump() | {"tenant": record.tenant or _SHARED}
    insert = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    statement = insert(usage_hourly).values(values)
    keys = [column.name for column in usage_hourly.primary_key]
    total = usage_hourly.c.quantity + statement.excluded.quantity
    connection.execute(statement.on_conflict_do_update(index_elements=keys, set_={"quantity": total}))
