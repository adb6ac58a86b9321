"""A database of its own for each test, on either engine: a file, or a schema of the PostgreSQL server for tests."""

from __future__ import annotations

import os
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal
from uuid import uuid4

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine

from foundation.database import metadata, open_database

DatabaseKind = Literal["sqlite", "postgresql"]

KINDS = ["sqlite", pytest.param("postgresql", marks=pytest.mark.server)]
"""For `pytest.fixture(params=KINDS)`."""


@contextmanager
def fresh_database(kind: DatabaseKind, directory: Path) -> Generator[Engine]:
    """An engine on an empty database with the whole schema. Skips when PostgreSQL is asked for and there is none."""
    if kind == "sqlite":
        engine = open_database(f"sqlite:///{directory / 'vigia.db'}")
        metadata.create_all(engine)
        yield engine
        engine.dispose()
        return
    url = os.environ.get("VIGIA_TEST_POSTGRES_URL")
    if not url:
        pytest.skip("VIGIA_TEST_POSTGRES_URL is not set: install PostgreSQL and run scripts/test-servers")
    schema = f"t{uuid4().hex}"
    server = open_database(url)
    with server.begin() as connection:
        connection.execute(sa.schema.CreateSchema(schema))
    engine = open_database(
        sa.make_url(url).update_query_dict({"options": f"-csearch_path={schema}"}).render_as_string(hide_password=False)
    )
    try:
        metadata.create_all(engine)
        yield engine
    finally:
        engine.dispose()
        with server.begin() as connection:
            connection.execute(sa.schema.DropSchema(schema, cascade=True))
        server.dispose()
