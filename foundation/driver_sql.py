"""Statements in the driver's own words, for the few places where composing them costs more than running them.

SQLAlchemy finds a composed statement in its cache by a key that it computes from every part of it, and then converts
each parameter and column by its type: on SQLite that is several times the work of the database. A statement here is
text with `?` for each value, the same on both databases; times are converted on the way in, columns come as they are.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from foundation.database import UtcDateTime

_TIME = UtcDateTime()


class DriverSql:
    """One statement. `postgresql` where it reads differently there. Errors are SQLAlchemy's, as of any statement."""

    __slots__ = ("_texts",)

    def __init__(self, sql: str, *, postgresql: str | None = None) -> None:
        self._texts = {"sqlite": sql, "postgresql": (postgresql or sql).replace("?", "%s")}

    def __call__(self, connection: Connection, *values: object) -> sa.CursorResult[Any]:
        """Run it in `connection`'s transaction. `datetime` values must be aware."""
        dialect = connection.dialect
        bound = tuple(
            _TIME.process_bind_param(value, dialect) if isinstance(value, datetime) else value for value in values
        )
        return connection.exec_driver_sql(self._texts[dialect.name], bound)


def moment(column: datetime | str) -> datetime:
    """A column of type UtcDateTime as the driver returns it."""
    return UtcDateTime.parsed(column)
