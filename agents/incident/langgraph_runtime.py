"""The one place that imports LangGraph: graph building blocks and the durable checkpointer."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

# Read by LangGraph when it is first imported: checkpoints may then hold plain values only, never revived objects.
os.environ.setdefault("LANGGRAPH_STRICT_MSGPACK", "true")

from langgraph.checkpoint.base import BaseCheckpointSaver
from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer
from langgraph.checkpoint.sqlite import SqliteSaver
from langgraph.graph import END, START, StateGraph
from langgraph.types import Command, interrupt

from foundation.errors import InvalidInput

__all__ = ["END", "START", "Checkpoints", "Command", "StateGraph", "interrupt", "open_checkpoints"]


@dataclass(frozen=True)
class Checkpoints:
    saver: BaseCheckpointSaver[Any]
    close: Callable[[], None]


def open_checkpoints(url: str) -> Checkpoints:
    """Checkpoints in `sqlite:////path/checkpoints.db` or in `postgresql://…`, tables made when missing."""
    # None: only plain values are read back, whatever the environment says.
    serde = JsonPlusSerializer(allowed_msgpack_modules=None)
    if url.startswith("sqlite:///"):
        connection = sqlite3.connect(url.removeprefix("sqlite:///"), check_same_thread=False, timeout=30)
        connection.execute("PRAGMA synchronous=FULL")
        saver = SqliteSaver(connection, serde=serde)
        saver.setup()
        return Checkpoints(saver, connection.close)
    if url.startswith("postgresql"):
        return _postgres(url, serde)
    raise InvalidInput(f"cannot keep checkpoints in {url.split(':', 1)[0]!r}", hint="sqlite:///… or postgresql://…")


def _postgres(url: str, serde: JsonPlusSerializer) -> Checkpoints:
    from langgraph.checkpoint.postgres import PostgresSaver
    from psycopg import Connection
    from psycopg.rows import DictRow, dict_row
    from psycopg_pool import ConnectionPool

    # SQLAlchemy names the driver in the scheme; libpq does not know it.
    plain = "postgresql://" + url.split("://", 1)[1]
    pool: ConnectionPool[Connection[DictRow]] = ConnectionPool(
        plain,
        min_size=1,
        max_size=8,
        open=True,
        kwargs={"autocommit": True, "prepare_threshold": 0, "row_factory": dict_row},
    )
    saver = PostgresSaver(pool, serde=serde)
    saver.setup()
    return Checkpoints(saver, pool.close)
