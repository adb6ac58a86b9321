"""One connection to Redis per thread, for the one command that reads: half the time of a round trip on this machine is
what a client does around it (pool, retries, statistics)."""

from __future__ import annotations

import os
import threading
from collections.abc import Sequence
from typing import Any
from weakref import WeakSet


class RedisChannel:
    """Commands over connections made as those of `pool`, but kept by their threads. Raises what the client raises."""

    def __init__(self, pool: Any) -> None:
        self._pool = pool
        self._local = threading.local()
        self._connections: WeakSet[Any] = WeakSet()  # those of threads that are gone close themselves

    def ask(self, command: str, arguments: Sequence[str]) -> Any:
        """The answer. A connection that broke since it was last used is made anew once."""
        from redis.exceptions import ConnectionError as Broken
        from redis.exceptions import TimeoutError as TooSlow

        connection = self._connection()
        try:
            return self._exchange(connection, command, arguments)
        except TooSlow:
            raise  # asking again would take as long again
        except Broken:
            return self._exchange(connection, command, arguments)

    def close(self) -> None:
        for connection in list(self._connections):
            connection.disconnect()

    def _exchange(self, connection: Any, command: str, arguments: Sequence[str]) -> Any:
        try:
            connection.send_command(command, *arguments, check_health=False)
            return connection.read_response()
        except BaseException:
            connection.disconnect()  # an answer that was not read must not be taken for the next one
            raise

    def _connection(self) -> Any:
        connection = getattr(self._local, "connection", None)
        # A child that was forked must not talk over its parent's socket.
        if connection is None or self._local.process != os.getpid():
            connection = self._pool.connection_class(**self._pool.connection_kwargs)
            self._local.connection, self._local.process = connection, os.getpid()
            self._connections.add(connection)
        return connection
