"""One connection to Redis per thread, for reading rows and storing them: half the time of a round trip on this machine
is what a client does around it (pool, retries, statistics)."""

from __future__ import annotations

import os
import threading
from collections.abc import Sequence
from typing import Any
from weakref import WeakSet

Argument = str | bytes | int
Command = tuple[str, Sequence[Argument]]


class RedisChannel:
    """Commands over connections made as those of `pool`, but kept by their threads. Raises what the client raises."""

    def __init__(self, pool: Any) -> None:
        self._pool = pool
        self._local = threading.local()
        self._connections: WeakSet[Any] = WeakSet()  # those of threads that are gone close themselves

    def ask(self, command: str, arguments: Sequence[Argument]) -> Any:
        """The answer to one command; see `ask_all`."""
        return self.ask_all([(command, arguments)])[0]

    def ask_all(self, commands: Sequence[Command]) -> list[Any]:
        """The answers in order, in one round trip. A connection that broke is made anew once, so ask for nothing that
        must not happen twice."""
        from redis.exceptions import ConnectionError as Broken
        from redis.exceptions import TimeoutError as TooSlow

        packed = [_packed(command, arguments) for command, arguments in commands]
        connection = self._connection()
        try:
            return self._exchange(connection, packed)
        except TooSlow:
            raise  # asking again would take as long again
        except Broken:
            return self._exchange(connection, packed)

    def transact(self, commands: Sequence[Command]) -> bool:
        """All of `commands` or none of them: False when a key was written that this thread watches since its last
        transaction. Never tried anew: on another connection nothing is watched."""
        from redis.exceptions import ConnectionError as Broken

        packed = [_packed(command, arguments) for command, arguments in (("MULTI", ()), *commands, ("EXEC", ()))]
        connection = self._connection()
        if connection._sock is None:  # closed meanwhile, by `close`: the client would open another one by itself
            raise Broken("the connection was closed")
        done = self._exchange(connection, packed)[-1]
        for answer in done or ():
            if isinstance(answer, Exception):
                raise answer
        return done is not None

    def close(self) -> None:
        for connection in list(self._connections):
            connection.disconnect()

    def _exchange(self, connection: Any, packed: Sequence[bytes]) -> list[Any]:
        from redis.exceptions import ResponseError

        answers: list[Any] = []
        refusal: ResponseError | None = None
        try:
            connection.send_packed_command([b"".join(packed)], check_health=False)
            for _ in packed:
                try:
                    answers.append(connection.read_response())
                except ResponseError as error:
                    refusal = refusal or error  # the other answers are to be read all the same
        except BaseException:
            connection.disconnect()  # an answer that was not read must not be taken for the next one
            raise
        if refusal is not None:
            raise refusal
        return answers

    def _connection(self) -> Any:
        connection = getattr(self._local, "connection", None)
        # A child that was forked must not talk over its parent's socket.
        if connection is None or self._local.process != os.getpid():
            connection = self._pool.connection_class(**self._pool.connection_kwargs)
            self._local.connection, self._local.process = connection, os.getpid()
            self._connections.add(connection)
        return connection


def _packed(command: str, arguments: Sequence[Argument]) -> bytes:
    import hiredis  # comes with the extra; what redis-py does before it calls this takes longer than the call

    pack: Any = hiredis.pack_command
    return pack((command, *arguments))
