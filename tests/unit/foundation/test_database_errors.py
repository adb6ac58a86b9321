"""What the database cannot do is one error of ours, and it quotes no data."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine

from audit.entry import AuditRecord
from audit.log import SqlAuditLog
from foundation.clock import FixedClock
from foundation.database import open_database, reading, transaction
from foundation.errors import Unavailable

SECRET = "529.982.247-25"
ERRORS: list[Callable[[], Exception]] = [
    lambda: sa.exc.OperationalError("INSERT", {"cpf": SECRET}, Exception(f"disk full\nDETAIL: {SECRET}")),
    lambda: sa.exc.InterfaceError("INSERT", {"cpf": SECRET}, Exception("connection already closed")),
    lambda: sa.exc.DataError("INSERT", {"cpf": SECRET}, Exception(f"value {SECRET!r} is out of range")),
    lambda: sa.exc.ProgrammingError("INSERT", {"cpf": SECRET}, Exception(f"no relation x\nDETAIL: {SECRET!r}")),
    lambda: sa.exc.TimeoutError("QueuePool limit of size 5 reached"),
]


@pytest.mark.parametrize("context", [transaction, reading])
@pytest.mark.parametrize("error", ERRORS)
def test_what_the_database_cannot_do_is_unavailable(
    engine: Engine, error: Callable[[], Exception], context: Any
) -> None:
    with pytest.raises(Unavailable, match="did not answer") as told, context(engine):
        raise error()
    assert SECRET not in str(told.value)


def test_an_exhausted_pool_is_unavailable(tmp_path: Any) -> None:
    engine = sa.create_engine(f"sqlite:///{tmp_path / 'x.db'}", pool_size=1, max_overflow=0, pool_timeout=0.01)
    with reading(engine), pytest.raises(Unavailable, match="QueuePool limit"), transaction(engine):
        pass
    engine.dispose()


def test_a_broken_constraint_is_for_the_caller(engine: Engine) -> None:
    table = sa.Table("once", sa.MetaData(), sa.Column("id", sa.String, primary_key=True))
    with transaction(engine) as connection:
        table.create(connection)
        connection.execute(table.insert().values(id=SECRET))
    with pytest.raises(sa.exc.IntegrityError) as told, transaction(engine) as connection:
        connection.execute(table.insert().values(id=SECRET))
    assert SECRET not in str(told.value)


def test_the_audit_log_quotes_no_data_when_it_cannot_be_written(tmp_path: Any, clock: FixedClock) -> None:
    engine = open_database(f"sqlite:///{tmp_path / 'empty.db'}")
    record = AuditRecord(action="test.written", actor="human:alice", subject=SECRET, payload={"cpf": SECRET})
    log = SqlAuditLog(engine, clock)
    with pytest.raises(Unavailable, match="no such table") as alone:
        log.append(record)
    with pytest.raises(Unavailable, match="no such table") as joined, transaction(engine) as connection:
        log.append(record, connection=connection)
    assert SECRET not in f"{alone.value} {joined.value}"
    engine.dispose()
