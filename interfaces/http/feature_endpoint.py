"""An endpoint without the layers of a framework: for answers that take less time than those layers.

`Endpoint` is a plain ASGI application for one path. As a route it comes after routing and the application's middleware;
ahead of the application (`FrontedApp`), before them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import Executor
from threading import BoundedSemaphore
from typing import NamedTuple

import orjson
from starlette.types import Receive, Scope, Send

from foundation.errors import TooLarge, Unavailable, VigiaError
from foundation.http_errors import Answering
from foundation.telemetry.logs import get_logger
from interfaces.http.access import known_by
from interfaces.http.feature_questions import ARROW, JSON, Call

log = get_logger(__name__)

SMALL = 16_384
"""Bytes: some hundreds of rows."""


class Answer(NamedTuple):
    content: bytes
    media_type: str


class Limit(NamedTuple):
    """Of a request's body, in bytes, and what to do beyond it."""

    size: int
    hint: str


class Busy(Unavailable):
    """As many questions wait as may: the answer says when to ask again."""


class Endpoint:
    """Answers POSTs of people by `answer`, which may raise VigiaErrors.

    `answer` runs in one of `threads`, because its store may block. A question of `SMALL` bytes at most needs none:
    where the store can be asked by an event loop, `ask` answers it; where it waits for nobody, `answer` does so in the
    loop. An Arrow stream is never read there: what it takes is not told by its size. With `most` at most so many
    questions are in the threads or wait for one; more are Busy.
    """

    def __init__(
        self,
        answer: Callable[[Call], Answer],
        threads: Executor,
        limit: Limit,
        *,
        waits: Callable[[], bool] = lambda: True,
        ask: Callable[[Call], Awaitable[Answer]] | None = None,
        most: int | None = None,
    ) -> None:
        self._answer = answer
        self._threads = threads
        self._limit = limit
        self._waits = waits
        self._ask = ask
        self._places = None if most is None else BoundedSemaphore(most)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            headers: dict[bytes, bytes] = dict(scope["headers"])
            principal = known_by(scope["app"].state.principals, headers.get(b"authorization", b"").decode("latin-1"))
            body = await self._body(headers, receive)
            if body is None:
                return
            call = Call(headers, scope["query_string"], principal, body)
            if len(body) > SMALL or call.content_type == ARROW:
                answer = await self._in_a_thread(call)
            elif self._ask is not None:
                answer = await self._ask(call)
            elif self._waits():
                answer = await self._in_a_thread(call)
            else:
                answer = self._answer(call)
        except VigiaError as error:
            await _send_error(send, scope["app"].state.answering, error)
            return
        except Exception as error:  # noqa: BLE001  # the application's own last resort is not above a short cut
            log.error("request failed", method=scope["method"], path=scope["path"], error=repr(error))  # noqa: TRY400
            unexpected = VigiaError("an unexpected error; it has been logged")
            await _send_error(send, scope["app"].state.answering, unexpected, "internal")
            return
        await _send(send, 200, answer.content, [(b"content-type", answer.media_type.encode())])

    async def _in_a_thread(self, call: Call) -> Answer:
        places = self._places
        if places is not None and not places.acquire(blocking=False):
            raise Busy("as many questions about the past wait as may", hint="ask again in a moment")
        asked = self._threads.submit(self._answer, call)
        if places is not None:
            # When it is over: who gave up waiting leaves it running.
            asked.add_done_callback(lambda _: places.release())
        return await asyncio.wrap_future(asked)

    async def _body(self, headers: Mapping[bytes, bytes], receive: Receive) -> bytes | None:
        """None when the sender went away. Raises TooLarge, before it is read if it was announced."""
        announced = headers.get(b"content-length", b"")
        if announced.isdigit() and int(announced) > self._limit.size:
            raise self._too_large(int(announced))
        message = await receive()
        body = message.get("body", b"")
        if len(body) > self._limit.size:
            raise self._too_large(len(body))
        while message["type"] == "http.request" and message.get("more_body", False):
            message = await receive()
            body += message.get("body", b"")
            if len(body) > self._limit.size:
                raise self._too_large(len(body))
        return body if message["type"] == "http.request" else None

    def _too_large(self, size: int) -> TooLarge:
        return TooLarge(f"the request has {size} bytes, the most is {self._limit.size}", hint=self._limit.hint)


async def _send_error(send: Send, answering: Answering, error: VigiaError, code: str | None = None) -> None:
    headers = [(b"content-type", JSON.encode())]
    if error.http_status == 401:
        headers.append((b"www-authenticate", b"Bearer"))
    if isinstance(error, Busy):
        headers.append((b"retry-after", b"1"))
    if error.http_status == 413:  # the rest of the body is not read: the connection cannot be used again
        headers.append((b"connection", b"close"))
    content = orjson.dumps(answering.body(code or error.code, error.message, error.hint))
    await _send(send, error.http_status, content, headers)


async def _send(send: Send, status: int, content: bytes, headers: list[tuple[bytes, bytes]]) -> None:
    headers.append((b"content-length", str(len(content)).encode()))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": content})
