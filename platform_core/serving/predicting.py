"""`POST /v1/predict/{endpoint}` as an ASGI application of its own, ahead of the framework.

A request is read in one pass, its features are waited for without blocking the event loop and no longer than the
endpoint's budget allows, one row is scored where it is, and what is to be counted and logged is so once the answer is
sent. Many rows, attributions and Arrow go to a thread: they take longer than the others should wait.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, MutableMapping
from concurrent.futures import ThreadPoolExecutor
from random import random
from time import perf_counter
from typing import Any, ClassVar

from foundation.errors import Forbidden, InvalidInput, TooLarge, Unauthenticated, Unavailable, VigiaError
from foundation.http_errors import Answering
from foundation.telemetry import semconv
from foundation.telemetry.http import remote_parent
from foundation.telemetry.traces import server_span, set_attributes
from platform_core.serving.answers import Answer, Timing
from platform_core.serving.callers import Callers
from platform_core.serving.endpoints import EndpointDirectory, ServedEndpoint
from platform_core.serving.ports import FeatureRows
from platform_core.serving.questions import Question
from platform_core.serving.scorer import Scorer, check_scaled
from platform_core.serving.waiting import StoreLate, StoreThreads
from platform_core.serving.wire import (
    ARROW,
    JSON,
    Asked,
    arrow_answer,
    error_answer,
    json_answer,
    read_headers,
    read_question,
)

PREFIX = "/v1/predict/"
MAX_SINGLE_BYTES = 16_384
MAX_ROW_BYTES = 1_024
"""A body may have MAX_SINGLE_BYTES, and so many more for each row that the endpoint takes."""

BODY_SECONDS = 10.0
"""In which a request has to be sent."""

MOST_BEING_READ = 1_000
"""Requests that are being sent at once, to all endpoints of a worker."""

_RECORDED_ON_THE_LOOP = 50
"""Rows: more of them are counted and logged in a thread."""

_RESERVE_SECONDS = 0.005
_RETRY_AFTER = b"1"
_JSON, _ARROW = JSON.encode(), ARROW.encode()
_logger = logging.getLogger(__name__)

Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]


class Overloaded(Unavailable):
    """More requests are in hand than the endpoint takes at once."""


class TooSlow(VigiaError):
    """The caller did not send the request in time."""

    code: ClassVar[str] = "request_timeout"
    http_status: ClassVar[int] = 408


class Predicting:
    """`draining`: whether answers end their connections, because the process is about to. `answering` says no."""

    def __init__(
        self,
        endpoints: EndpointDirectory,
        scorer: Scorer,
        callers: Callers,
        threads: StoreThreads,
        pool: ThreadPoolExecutor,
        *,
        traced_share: float = 0.01,
        body_seconds: float = BODY_SECONDS,
    ) -> None:
        self._endpoints = endpoints
        self._scorer = scorer
        self._callers = callers
        self._threads = threads
        self._pool = pool
        self._traced_share = traced_share
        self._metrics = scorer.recorder.metrics
        self._body_seconds = body_seconds
        self._being_read = 0
        self.draining = False
        self.answering = Answering()

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        asked = read_headers(scope["headers"])
        try:
            served = self._callers.endpoint(scope["path"][len(PREFIX) :], asked.api_key, self._endpoints)
            if asked.traced or random() < self._traced_share:  # noqa: S311  which requests are traced is no secret
                about = {semconv.ENDPOINT: served.name, semconv.TENANT: served.tenant}
                name, parent = f"{semconv.SCORE} {served.name}", remote_parent(scope["headers"])
                with server_span(name, parent, **about) as current:
                    timing = await self._serve(served, asked, scope, receive, send)
                    spent = {"vigia.store_ms": timing.store * 1000, "vigia.model_ms": timing.model * 1000}
                    set_attributes(current, **spent)
            else:
                await self._serve(served, asked, scope, receive, send)
        except VigiaError as error:
            if isinstance(error, Unauthenticated | Forbidden):
                self._metrics.refused.labels(error.code).inc()
            await self._refuse(send, error)

    async def _serve(
        self, served: ServedEndpoint, asked: Asked, scope: MutableMapping[str, Any], receive: Receive, send: Send
    ) -> Timing:
        policy, meters, timing = served.spec.serving, self._metrics.of(served.name), Timing()
        try:
            if meters.in_flight >= policy.max_in_flight:
                raise self._overloaded(served)
            check_scaled(served)
            body = await self._body(receive, MAX_SINGLE_BYTES + MAX_ROW_BYTES * policy.max_rows)
            if body is None:
                return timing
            if meters.in_flight >= policy.max_in_flight:
                raise self._overloaded(served)
        except VigiaError as error:
            meters.failed(error.code)
            raise
        # Only now: who sends slowly, or nothing, takes nobody's place.
        meters.in_flight += 1
        try:
            started = perf_counter()
            try:
                question = await self._question(body, asked, scope["query_string"], served)
            except VigiaError as error:
                meters.failed(error.code)
                raise
            try:
                answers, content = await self._answer(served, question, asked, timing, started)
            except VigiaError as error:
                self._scorer.recorder.failed(served, question, error, perf_counter() - started)
                raise
        finally:
            meters.in_flight -= 1
        latency = perf_counter() - started
        await self._send(send, 200, content, _ARROW if asked.accepts_arrow else _JSON)
        record = self._scorer.recorder.answered
        if len(answers) > _RECORDED_ON_THE_LOOP:
            await self._in_thread(record, served, answers, timing, latency)
        else:
            record(served, answers, timing, latency)
        return timing

    def _overloaded(self, served: ServedEndpoint) -> Overloaded:
        self._metrics.of(served.name).shed()
        most = served.spec.serving.max_in_flight
        return Overloaded(f"{served.name} has {most} requests in hand", hint="ask again in a second")

    async def _body(self, receive: Receive, limit: int) -> bytes | None:
        """Raises Overloaded when too many are being sent already, TooSlow when this one takes too long."""
        if self._being_read >= MOST_BEING_READ:
            raise Overloaded(f"{MOST_BEING_READ} requests are being sent", hint="ask again in a second")
        self._being_read += 1
        try:
            async with asyncio.timeout(self._body_seconds):
                return await _read_body(receive, limit)
        except TimeoutError:
            message = f"the request was not there within {self._body_seconds:g} s"
            raise TooSlow(message, hint="send it at once") from None
        finally:
            self._being_read -= 1

    async def _question(self, body: bytes, asked: Asked, query: bytes, served: ServedEndpoint) -> Question:
        if len(body) <= MAX_SINGLE_BYTES and asked.content_type == JSON:
            return read_question(body, asked, query, served)
        return await self._in_thread(read_question, body, asked, query, served)

    async def _answer(
        self, served: ServedEndpoint, question: Question, asked: Asked, timing: Timing, started: float
    ) -> tuple[list[Answer], bytes]:
        found = await self._features(served, question, timing, started)
        if len(question.rows) == 1 and not question.attributions and not asked.accepts_arrow:
            return self._scored(served, question, found, timing, asked)
        return await self._in_thread(self._scored, served, question, found, timing, asked)

    async def _features(
        self, served: ServedEndpoint, question: Question, timing: Timing, started: float
    ) -> FeatureRows | Unavailable:
        """What was read in time, or why it was not."""
        policy = served.spec.serving
        reader = self._scorer.features.reader(served.spec.feature_service, served.tenant)
        if not reader.columns:
            return reader.read(())
        budget = policy.latency_budget_ms / 1000
        reading = perf_counter()
        left = budget - min(_RESERVE_SECONDS, budget / 5) - (reading - started)
        try:
            found = await self._threads.read(reader, [row.keys for row in question.rows], left)
        except Unavailable as error:
            self._metrics.of(served.name).late("budget" if isinstance(error, StoreLate) else error.code)
            return error
        timing.store = perf_counter() - reading
        reader.observe(timing.store)
        return found

    def _scored(
        self,
        served: ServedEndpoint,
        question: Question,
        found: FeatureRows | Unavailable,
        timing: Timing,
        asked: Asked,
    ) -> tuple[list[Answer], bytes]:
        if isinstance(found, Unavailable):
            answers = self._scorer.fall_back(served, question, found, timing)
        else:
            answers = self._scorer.score(served, question, found, timing)
        if asked.accepts_arrow:
            return answers, arrow_answer(served, answers)
        return answers, json_answer(served, question, answers)

    async def _in_thread(self, call: Callable[..., Any], *arguments: Any) -> Any:
        return await asyncio.get_running_loop().run_in_executor(self._pool, call, *arguments)

    async def _refuse(self, send: Send, error: VigiaError) -> None:
        more: list[tuple[bytes, bytes]] = []
        if error.http_status == 503:
            more.append((b"retry-after", _RETRY_AFTER))
        elif error.http_status == 401:
            more.append((b"www-authenticate", b"Bearer"))
        elif error.http_status in (408, 413):
            more.append((b"connection", b"close"))  # the rest of the body is not read
        await self._send(send, error.http_status, error_answer(error, self.answering), _JSON, more)

    async def _send(
        self, send: Send, status: int, content: bytes, media_type: bytes, more: list[tuple[bytes, bytes]] | None = None
    ) -> None:
        headers = [(b"content-type", media_type), (b"content-length", b"%d" % len(content))]
        if more:
            headers += more
        if self.draining and (not more or (b"connection", b"close") not in more):
            headers.append((b"connection", b"close"))
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": content})


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
