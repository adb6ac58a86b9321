"""The body of a request, taken while the caller sends it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Generator, MutableMapping
from types import coroutine
from typing import Any, ClassVar, TypeVar

from foundation.errors import InvalidInput, TooLarge, Unavailable, VigiaError

BODY_SECONDS = 10.0
"""In which a request has to be sent."""

MOST_BEING_READ = 1_000
"""Requests that are being sent at once, to all endpoints of a worker."""

_Read = TypeVar("_Read")
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]


class Overloaded(Unavailable):
    """More requests are in hand than are taken at once."""


class TooSlow(VigiaError):
    """The caller did not send the request in time."""

    code: ClassVar[str] = "request_timeout"
    http_status: ClassVar[int] = 408


class Bodies:
    """Of all requests of a worker, on its event loop."""

    def __init__(self, seconds: float = BODY_SECONDS) -> None:
        self._seconds = seconds
        self._being_read = 0

    async def read(self, receive: Receive, limit: int) -> bytes | None:
        """None when the caller went away. Raises Overloaded when it would have to be waited for and too many are being
        sent already, TooSlow when it takes too long, TooLarge without reading on."""
        reading = _read_body(receive, limit)
        try:
            # Nearly always it is there already: a timer that is taken back would cost as much as reading the JSON.
            waits_for = reading.send(None)
        except StopIteration as read:
            return read.value
        if self._being_read >= MOST_BEING_READ:
            reading.close()
            raise Overloaded(f"{MOST_BEING_READ} requests are being sent", hint="ask again in a second")
        self._being_read += 1
        try:
            async with asyncio.timeout(self._seconds):
                return await _go_on(reading, waits_for)
        except TimeoutError:
            message = f"the request was not there within {self._seconds:g} s"
            raise TooSlow(message, hint="send it at once") from None
        finally:
            self._being_read -= 1


@coroutine
def _go_on(begun: Coroutine[Any, Any, _Read], waits_for: Any) -> Generator[Any, Any, _Read]:
    """The rest of a coroutine that was begun by `send` and said what it waits for."""
    try:
        yield waits_for
    except BaseException as error:
        begun.throw(error)
        raise
    return (yield from begun)  # type: ignore[misc]  # what a generator for `await` may do


async def _read_body(receive: Receive, limit: int) -> bytes | None:
    """The body; None when the caller went away. Raises TooLarge without reading on."""
    message = await receive()
    body: bytes = message.get("body", b"")
    while message.get("more_body") and len(body) <= limit:
        message = await receive()
        body += message.get("body", b"")
    if message["type"] == "http.disconnect":
        return None
    if len(body) > limit:
        raise TooLarge(f"the request is larger than {limit} bytes", hint="send entity keys and inputs only")
    if not body:
        raise InvalidInput("body: it is empty", hint="send JSON, or an Arrow stream")
    return body
