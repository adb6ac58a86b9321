"""One connection to Redis for everything an event loop asks: commands are written as they come, answers arrive in their
order (RESP pipelining), and nobody waits in a thread."""

from __future__ import annotations

import asyncio
import ssl
import time
from collections import deque
from collections.abc import Sequence
from typing import Any, cast

from foundation.errors import InvalidInput, Unavailable

MOST_WAITING = 10_000
"""Commands that may be on their way at once."""

_Argument = str | bytes | int


class RedisPipe:
    """To the server at `url`. Every call is made on one event loop. A connection that broke, or on which nothing was
    answered for `timeout_s`, is given up: who waited on it gets Unavailable, who asks next a new one."""

    def __init__(self, url: str, *, timeout_s: float = 1.0) -> None:
        from redis.connection import parse_url

        self._options: dict[str, Any] = dict(parse_url(url))
        self._timeout = timeout_s
        self._line: _Line | None = None
        self._connecting: asyncio.Task[_Line] | None = None
        where = self._options.get("path") or f"{self._host}:{self._port}/{self._options.get('db', 0)}"
        self.address = str(where)

    async def ask(self, command: str, arguments: Sequence[_Argument]) -> Any:
        """The answer. Raises Unavailable."""
        line = self._line
        if line is None or line.closed or line.stalled(self._timeout):
            line = await self._connect()
        answer = await line.send((command, *arguments))
        self._refuse(answer)
        return answer

    def close(self) -> None:
        if self._line is not None and not self._line.closed:
            self._line.abort("it was closed")

    @property
    def _host(self) -> str:
        return str(self._options.get("host", "localhost"))

    @property
    def _port(self) -> int:
        return int(self._options.get("port", 6379))

    async def _connect(self) -> _Line:
        """One attempt for all who ask meanwhile; not cut short by the first of them giving up."""
        if self._connecting is None or self._connecting.done():
            if self._line is not None:
                self._line.abort("it answered nothing")
                self._line = None
            self._connecting = asyncio.get_running_loop().create_task(self._open())
        try:
            return await asyncio.shield(self._connecting)
        except (OSError, TimeoutError) as error:
            raise self._unavailable(error) from error

    async def _open(self) -> _Line:
        loop = asyncio.get_running_loop()
        options = self._options
        line: _Line | None = None
        try:
            async with asyncio.timeout(self._timeout):
                if "path" in options:
                    _, line = await loop.create_unix_connection(lambda: _Line(self.address), str(options["path"]))
                else:
                    context = ssl.create_default_context() if self._secure else None
                    _, line = await loop.create_connection(
                        lambda: _Line(self.address), self._host, self._port, ssl=context
                    )
                for greeting in self._greetings():
                    self._refuse(await line.send(greeting))
                line.watch(self._timeout)
        except BaseException:
            if line is not None:
                line.abort("it did not greet us")
            raise
        self._line = line
        return line

    @property
    def _secure(self) -> bool:
        return getattr(self._options.get("connection_class"), "__name__", "").startswith("SSL")

    def _greetings(self) -> list[tuple[_Argument, ...]]:
        greetings: list[tuple[_Argument, ...]] = []
        password, user = self._options.get("password"), self._options.get("username")
        if password is not None:
            greetings.append(("AUTH", str(user), str(password)) if user else ("AUTH", str(password)))
        if self._options.get("db"):
            greetings.append(("SELECT", int(self._options["db"])))
        # A server that hangs still has its connections accepted, by the kernel: it is to say something first.
        return [*greetings, ("PING",)]

    def _refuse(self, answer: object) -> None:
        if isinstance(answer, Exception):
            raise self._unavailable(answer)

    def _unavailable(self, error: Exception) -> Unavailable:
        said = str(error) or type(error).__name__
        return Unavailable(f"the online store in Redis at {self.address} did not answer: {said}", hint="is it up?")


class _Line(asyncio.Protocol):
    """A connection and those who wait on it, in the order in which they asked."""

    def __init__(self, address: str) -> None:
        import hiredis

        self._address = address
        self._reader = hiredis.Reader()
        self._pack: Any = hiredis.pack_command
        self._waiting: deque[tuple[asyncio.Future[Any], float]] = deque()
        self._transport: asyncio.Transport | None = None
        self._loop = asyncio.get_running_loop()
        self._heard = time.monotonic()
        self.closed = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        reader, waiting = self._reader, self._waiting
        self._heard = time.monotonic()
        reader.feed(data)
        while (answer := reader.gets()) is not False:
            future, _ = waiting.popleft()
            if not future.done():  # who gave up waiting keeps its place in the line
                future.set_result(answer)

    def connection_lost(self, exc: Exception | None) -> None:
        self._end(str(exc) if exc else "the connection was closed")

    def send(self, command: tuple[_Argument, ...]) -> asyncio.Future[Any]:
        """Raises Unavailable when too many wait, or the connection is gone; InvalidInput for what cannot be sent.

        Only a command that goes out has a place in the line: a place too many would hand everybody after it the answer
        to somebody else's question.
        """
        if self.closed or self._transport is None or len(self._waiting) >= MOST_WAITING:
            raise Unavailable(f"the online store in Redis at {self._address} does not keep up", hint="is it up?")
        try:
            packed = self._pack(command)
        except (UnicodeError, TypeError, ValueError) as error:
            raise InvalidInput(f"{command[0]} cannot be sent to Redis: {error}", hint="keys are Unicode text") from None
        future: asyncio.Future[Any] = self._loop.create_future()
        self._waiting.append((future, time.monotonic()))
        try:
            self._transport.write(packed)
        except BaseException:
            self.abort("a command could not be written")
            raise
        return future

    def watch(self, timeout_s: float) -> None:
        """From now on, give up when it stalled: also where nobody asks any more who would notice."""
        if self.closed:
            return
        if self.stalled(timeout_s):
            self.abort("it answered nothing")
            return
        self._loop.call_later(timeout_s / 4, self.watch, timeout_s)

    def stalled(self, timeout_s: float) -> bool:
        """Whether the first in the line has waited longer than that, and nothing was heard meanwhile."""
        if not self._waiting:
            return False
        return time.monotonic() - max(self._waiting[0][1], self._heard) > timeout_s

    def abort(self, why: str) -> None:
        if self._transport is not None:
            self._transport.abort()
        self._end(why)

    def _end(self, why: str) -> None:
        self.closed = True
        message = f"the online store in Redis at {self._address} did not answer: {why}"
        while self._waiting:
            future, _ = self._waiting.popleft()
            if not future.done():
                future.set_exception(Unavailable(message, hint="is it up?"))
                future.exception()  # it may be that nobody waits any more: that is no error of its own
