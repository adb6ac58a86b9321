"""Stopping waits for what is running, and what runs sees every stop that was acknowledged.

PostgreSQL reads per statement: without a lock a claim that has looked at the kill switch could take its approval after
the switch was engaged, and said to be. Whoever decides or claims holds the lock shared, whoever takes a right away
exclusively, in both cases as the first statement of the transaction. SQLite has one writer at a time in any case.
"""

from __future__ import annotations

from sqlalchemy.engine import Connection

from foundation.driver_sql import DriverSql

_KEY = 0x7669_6769_6761_7465
"""Of the PostgreSQL advisory lock ("vigigate")."""

_SHARED = DriverSql(f"SELECT pg_advisory_xact_lock_shared({_KEY})")
_EXCLUSIVE = DriverSql(f"SELECT pg_advisory_xact_lock({_KEY})")


def going_through(connection: Connection) -> None:
    """Until the transaction ends nothing is taken away from what it reads. Its first statement."""
    if connection.dialect.name == "postgresql":
        _SHARED(connection)


def taking_away(connection: Connection) -> None:
    """Once it returns nobody is going through; who comes after sees what this transaction did. Its first statement."""
    if connection.dialect.name == "postgresql":
        _EXCLUSIVE(connection)
