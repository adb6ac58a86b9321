"""`POST /v1/predict/{endpoint}` as an ASGI application of its own, ahead of the framework.

A request is read in one pass, its features are waited for without blocking the event loop and no longer than the
endpoint's budget allows, one row is scored where it is, and what is to be counted and logged is so once the answer is
sent. Many rows, attributions and Arrow go to a thread: they take longer than the others should wait.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from concurrent.futures import ThreadPoolExecutor
from random import random
from time import perf_counter
from typing import Any, NamedTuple

from foundation.errors import Forbidden, Unauthenticated, Unavailable, VigiaError
from foundation.http_errors import Answering
from platform_core.serving.answers import Answer, Timing
from platform_core.serving.bodies import BODY_SECONDS, Bodies, Overloaded, Receive
from platform_core.serving.callers import Callers
from platform_core.serving.endpoints import EndpointDirectory, ServedEndpoint
from platform_core.serving.ports import FeatureRows
from platform_core.serving.questions import Question
from platform_core.serving.retrieval import Retrieval
from platform_core.serving.scorer import Scorer, check_scaled
from platform_core.serving.tracing import describe, request_span
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

_RECORDED_ON_THE_LOOP = 50
"""Rows: more of them are counted and logged in a thread."""

_RETRY_AFTER = b"1"
_JSON, _ARROW = JSON.encode(), ARROW.encode()

Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]


class _Call(NamedTuple):
    """One request, as ASGI has it."""

    scope: MutableMapping[str, Any]
    receive: Receive
    send: Send


class Predicting:
    """`draining`: whether answers end their connections, because the process is about to. `answering` says no. `store`:
    what the online store is, for those who read traces."""

    def __init__(
        self,
        endpoints: EndpointDirectory,
        scorer: Scorer,
        callers: Callers,
        retrieval: Retrieval,
        pool: ThreadPoolExecutor,
        *,
        traced_share: float = 0.01,
        body_seconds: float = BODY_SECONDS,
        store: str | None = None,
    ) -> None:
        self._endpoints = endpoints
        self._scorer = scorer
        self._callers = callers
        self._retrieval = retrieval
        self._pool = pool
        self._traced_share = traced_share
        self._metrics = scorer.recorder.metrics
        self._store = store
        self._bodies = Bodies(body_seconds)
        self.draining = False
        self.answering = Answering()

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        asked = read_headers(scope["headers"])
        try:
            served = self._callers.endpoint(scope["path"][len(PREFIX) :], asked.api_key, self._endpoints)
        except VigiaError as error:
            if isinstance(error, Unauthenticated | Forbidden):
                self._metrics.refused.labels(error.code).inc()
            await self._refuse(send, error)
            return
        call, timing = _Call(scope, receive, send), Timing()
        if asked.traced or random() < self._traced_share:  # noqa: S311  which requests are traced is no secret
            with request_span(served, scope) as current:
                told = await self._told(served, asked, call, timing)
                describe(current, served, told, timing, self._store)
        else:
            await self._told(served, asked, call, timing)

    async def _told(
        self, served: ServedEndpoint, asked: Asked, call: _Call, timing: Timing
    ) -> list[Answer] | VigiaError:
        """What was answered, or why nothing was."""
        try:
            return await self._serve(served, asked, call, timing)
        except VigiaError as error:
            await self._refuse(call.send, error)
            return error

    async def _serve(self, served: ServedEndpoint, asked: Asked, call: _Call, timing: Timing) -> list[Answer]:
        policy, meters = served.spec.serving, self._metrics.of(served.name)
        try:
            if meters.in_flight >= policy.max_in_flight:
                raise self._overloaded(served)
            check_scaled(served)
            body = await self._bodies.read(call.receive, MAX_SINGLE_BYTES + MAX_ROW_BYTES * policy.max_rows)
            if body is None:
                return []
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
                question = await self._question(body, asked, call.scope["query_string"], served)
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
        timing.size, timing.answer_at = len(content), perf_counter()
        await self._send(call.send, 200, content, _ARROW if asked.accepts_arrow else _JSON)
        timing.answer = perf_counter() - timing.answer_at
        latency = timing.answer_at - started
        record = self._scorer.recorder.answered
        if len(answers) > _RECORDED_ON_THE_LOOP:
            await self._in_thread(record, served, answers, timing, latency)
        else:
            record(served, answers, timing, latency)
        return answers

    def _overloaded(self, served: ServedEndpoint) -> Overloaded:
        self._metrics.of(served.name).shed()
        most = served.spec.serving.max_in_flight
        return Overloaded(f"{served.name} has {most} requests in hand", hint="ask again in a second")

    async def _question(self, body: bytes, asked: Asked, query: bytes, served: ServedEndpoint) -> Question:
        if len(body) <= MAX_SINGLE_BYTES and asked.content_type == JSON:
            return read_question(body, asked, query, served)
        return await self._in_thread(read_question, body, asked, query, served)

    async def _answer(
        self, served: ServedEndpoint, question: Question, asked: Asked, timing: Timing, started: float
    ) -> tuple[list[Answer], bytes]:
        found = await self._retrieval.read(served, question, timing, started)
        if len(question.rows) == 1 and not question.attributions and not asked.accepts_arrow:
            return self._scored(served, question, found, timing, asked)
        return await self._in_thread(self._scored, served, question, found, timing, asked)

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
