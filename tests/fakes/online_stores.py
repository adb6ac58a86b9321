"""The online stores as tests open them: SQLite in a directory, Redis on the test server, DynamoDB on moto's server.

moto runs in this process on loopback, once for all tests: it needs nothing installed beside the test requirements.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from functools import lru_cache
from pathlib import Path

import pytest

from foundation.clock import Clock
from platform_core.features.clock_skew import MAX_CLOCK_SKEW
from platform_core.features.online.dynamodb import DynamoOnlineStore
from platform_core.features.online.packed_store import PackedStore
from platform_core.features.online.redis import RedisOnlineStore
from platform_core.features.online.sqlite import SqliteOnlineStore

STORES = ["sqlite", "dynamodb", pytest.param("redis", marks=pytest.mark.server)]
TABLE = "vigia-online"


@contextmanager
def online_store(
    kind: str, directory: Path, *, clock: Clock | None = None, max_ahead: timedelta = MAX_CLOCK_SKEW
) -> Iterator[PackedStore]:
    """Opened again with the same arguments it is the same store, through connections of its own."""
    if kind == "sqlite":
        yield SqliteOnlineStore(directory / "online.db", clock=clock, max_ahead=max_ahead)
    elif kind == "dynamodb":
        dynamo = DynamoOnlineStore.connect(
            TABLE, region="sa-east-1", url=dynamodb_url(), timeout_s=10, clock=clock, max_ahead=max_ahead
        )
        dynamo.create_table()
        yield dynamo
        dynamo.close()
    else:
        redis = RedisOnlineStore(redis_url(), clock=clock, max_ahead=max_ahead)
        yield redis
        redis.close()


def redis_url() -> str:
    url = os.environ.get("VIGIA_TEST_REDIS_URL")
    if not url:
        pytest.skip("needs a Redis: apt-get install redis-server, start it, set VIGIA_TEST_REDIS_URL")
    return url


@lru_cache(maxsize=1)
def dynamodb_url() -> str:
    from moto.server import ThreadedMotoServer

    os.environ.update({"AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing"})
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=port, verbose=False)
    server.start()
    return f"http://127.0.0.1:{port}"
