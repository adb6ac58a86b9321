"""One way to open a database and one way to change it.

SQLite (WAL) and PostgreSQL are served by the same SQLAlchemy Core code. Every table of every room registers on
`metadata`, and Alembic builds the schema from it. `transaction` is the only thing that commits; functions that take a
`Connection` join the caller's transaction.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Generator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, cast

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.engine import Connection, Dialect, Engine
from sqlalchemy.exc import (
    ArgumentError,
    DBAPIError,
    IntegrityError,
    InterfaceError,
    OperationalError,
    ProgrammingError,
    SQLAlchemyError,
)
from sqlalchemy.exc import TimeoutError as PoolTimeout

from foundation.errors import InvalidInput, Unavailable

metadata = sa.MetaData(
    naming_convention={
        "ix": "ix_%(column_0_label)s",
        "uq": "uq_%(table_name)s_%(column_0_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)

Json = sa.JSON().with_variant(JSONB(), "postgresql")
"""A JSON column: text on SQLite, JSONB on PostgreSQL."""


class UtcDateTime(sa.types.TypeDecorator[datetime]):
    """An aware datetime in UTC, stored as an ISO 8601 text that sorts by time on SQLite, as timestamptz on PostgreSQL.

    Refuses naive datetimes: an hour lost to a time zone is the classic way to lose an incident's order of events.
    """

    impl = sa.String(32)
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> sa.types.TypeEngine[Any]:
        if dialect.name == "postgresql":
            return dialect.type_descriptor(sa.DateTime(timezone=True))
        return dialect.type_descriptor(sa.String(32))

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> Any:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"naive datetime {value!r}: times carry their zone")
        value = value.astimezone(UTC)
        return value if dialect.name == "postgresql" else value.isoformat(timespec="microseconds")

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        return None if value is None else self.parsed(value)

    @staticmethod
    def parsed(value: datetime | str) -> datetime:
        """What the driver returns, as an aware time in UTC."""
        return (value if isinstance(value, datetime) else datetime.fromisoformat(value)).astimezone(UTC)


def open_database(url: str) -> Engine:
    """An engine for `url`, e.g. `sqlite:////var/lib/vigia/vigia.db` or `postgresql+psycopg://user@host/vigia`.

    SQLite: WAL, `synchronous=FULL` (a commit that returned is on the disk), foreign keys on, 30 s of patience for
    another writer. Transactions are begun by `transaction`, not by the driver. Raises InvalidInput for what is
    no such URL.
    """
    try:
        engine = sa.create_engine(url, pool_pre_ping=True, hide_parameters=True)
    except (ArgumentError, ImportError) as error:
        # Neither the URL nor the error's text is repeated: both may hold a password.
        raise InvalidInput(
            f"the database URL cannot be used ({type(error).__name__})",
            hint="sqlite:////path/vigia.db or postgresql+psycopg://user@host/name (extra `postgres`)",
        ) from None
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", _begin_immediate)
    return engine


def _prepare_sqlite(connection: sqlite3.Connection, _record: object) -> None:
    connection.isolation_level = None
    cursor = connection.cursor()
    for pragma in ("busy_timeout=30000", "journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin_immediate(connection: Connection) -> None:
    # A deferred transaction that upgrades from read to write fails at once when another wrote in between; taking the
    # write lock first makes every writer wait its turn instead. Readers ask for a plain BEGIN (see `reading`).
    deferred = connection.get_execution_options().get("vigia_deferred", False)
    connection.exec_driver_sql("BEGIN" if deferred else "BEGIN IMMEDIATE")


@contextmanager
def transaction(engine: Engine) -> Generator[Connection]:
    """A write transaction: commits at the end of the block, rolls back if it raises.

    Raises Unavailable for everything the database says but IntegrityError, which passes.
    """
    try:
        with engine.begin() as connection:
            yield connection
    except IntegrityError:
        # Not a failure but an answer: somebody else was first. Whoever inserts knows what that means.
        raise
    except (DBAPIError, PoolTimeout) as error:
        raise _unavailable(engine, error) from error


@contextmanager
def sqlite_transaction(engine: Engine) -> Generator[sqlite3.Connection]:
    """As `transaction`, on the driver's own connection: for the one place that appends so often that composing and
    book-keeping cost more than SQLite's work. Raises Unavailable for everything that SQLite says."""
    try:
        pooled = engine.raw_connection()
    except (DBAPIError, PoolTimeout) as error:
        raise _unavailable(engine, error) from error
    try:
        driver = cast("sqlite3.Connection", pooled.driver_connection)
        driver.execute("BEGIN IMMEDIATE")
        try:
            yield driver
            driver.execute("COMMIT")
        except BaseException:
            driver.rollback()
            raise
    except sqlite3.Error as error:
        raise _unavailable(engine, _as_sqlalchemy(error)) from error
    finally:
        pooled.close()


def sqlite_driver(connection: Connection) -> sqlite3.Connection:
    """The driver's own connection, in the transaction of `connection`. What goes wrong there is a `sqlite3.Error`."""
    if not connection.in_transaction():
        connection.begin()
    return cast("sqlite3.Connection", connection.connection.driver_connection)


def _as_sqlalchemy(error: sqlite3.Error) -> SQLAlchemyError:
    wrapped = DBAPIError.instance(None, None, error, sqlite3.Error, hide_parameters=True)
    return cast("SQLAlchemyError", wrapped)


@contextmanager
def reading(engine: Engine) -> Generator[Connection]:
    """A read transaction with one consistent view; takes no write lock."""
    try:
        with engine.connect().execution_options(vigia_deferred=True) as connection:
            yield connection
    except IntegrityError:
        # Not a failure but an answer: somebody else was first. Whoever inserts knows what that means.
        raise
    except (DBAPIError, PoolTimeout) as error:
        raise _unavailable(engine, error) from error


def explain(error: SQLAlchemyError) -> str:
    """What went wrong, without the data of the statement: that may be personal, and this text goes to callers."""
    if isinstance(error, OperationalError | InterfaceError | ProgrammingError):
        # Of connection, file, server or schema; PostgreSQL's further lines may quote values.
        return str(error.orig).partition("\n")[0]
    if isinstance(error, DBAPIError):
        state = getattr(error.orig, "sqlstate", None)
        return f"{type(error.orig).__name__}{f' ({state})' if state else ''}"
    return str(error).partition("\n")[0] if isinstance(error, PoolTimeout) else type(error).__name__


def _unavailable(engine: Engine, error: SQLAlchemyError) -> Unavailable:
    where = engine.url.render_as_string(hide_password=True)
    damaged = type(error.orig).__name__ == "DatabaseError" if isinstance(error, DBAPIError) else False
    if damaged and engine.dialect.name == "sqlite":
        return Unavailable(f"{engine.url.database!r} is damaged or no database", hint="restore it from a backup")
    return Unavailable(
        f"database {where!r} did not answer: {explain(error)}", hint="check that it is up, writable and has disk space"
    )
