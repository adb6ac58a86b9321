"""Features over HTTP, for those who have an API key.

    POST /v1/features/online       which features of which entities -> values, statuses and event times
    POST /v1/features/historical   the same for entities at moments -> the rows with their values at that time

The question is JSON, or an Arrow stream (`application/vnd.apache.arrow.stream`) of entity rows with `features` (again
for each, or one service), `tenant` and the other fields in the query. The answer is JSON by orjson, or Arrow where
`Accept` names it. Everything from the bytes of one to the bytes of the other happens at once: in the event loop where
the question is small and the store embedded or one that a loop can ask (Redis), else in one hop to a thread, as the
store may block.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import orjson
import pyarrow as pa
from fastapi import APIRouter, FastAPI
from starlette.routing import Route

from foundation.body_limit import BodyLimit
from foundation.errors import InvalidInput
from foundation.fronted import FrontedApp
from foundation.http_errors import install_error_handlers
from foundation.outside_text import Redact, unredacted
from interfaces.http.access import install_access
from interfaces.http.errors import install_last_resort
from interfaces.http.feature_endpoint import Answer, Endpoint, Limit
from interfaces.http.feature_questions import (
    ARROW,
    JSON,
    Call,
    HistoricalRequest,
    moments_table,
    online_question,
    question,
)
from platform_core.access.directory import PrincipalDirectory
from platform_core.features.online_response import OnlineResponse
from platform_core.features.past import PastFeatures
from platform_core.features.retrieval import AT_ONCE, MAX_ROWS, OnlineRetriever

MAX_BODY_BYTES = 262_144
PAST_THREADS = 4
PAST_WAITING = 12
"""Questions about the past that wait for one of these threads: a join takes seconds, a read milliseconds."""


def feature_endpoints(
    retriever: OnlineRetriever, past: PastFeatures | None = None, *, threads: int = 16
) -> dict[str, Endpoint]:
    """By path. `threads` bounds how many requests wait for the online store at once. The past has threads of its own:
    no number of its questions holds up an online read."""
    pool = ThreadPoolExecutor(threads, thread_name_prefix="features")
    limit = Limit(MAX_BODY_BYTES, f"send at most {MAX_ROWS} rows with their join keys only, or several requests")
    online = Endpoint(
        partial(_online, retriever),
        pool,
        limit,
        waits=lambda: not retriever.embedded,
        ask=partial(_asked, retriever) if retriever.on_the_loop else None,
    )
    endpoints = {"/v1/features/online": online}
    if past is not None:
        threads_of_past = ThreadPoolExecutor(PAST_THREADS, thread_name_prefix="features-past")
        endpoints["/v1/features/historical"] = Endpoint(
            partial(_historical, past), threads_of_past, limit, most=PAST_THREADS + PAST_WAITING
        )
    return endpoints


def add_features(app: FrontedApp, retriever: OnlineRetriever, past: PastFeatures | None = None) -> None:
    """Let `app`, which knows people (`install_access`), answer about features, with nothing of it in between."""
    endpoints = feature_endpoints(retriever, past)
    app.include_router(_routes(endpoints))
    for path, endpoint in endpoints.items():
        app.ahead(path, endpoint)


def feature_routes(retriever: OnlineRetriever, past: PastFeatures | None = None, *, threads: int = 16) -> APIRouter:
    """As `add_features`, as routes among others."""
    return _routes(feature_endpoints(retriever, past, threads=threads))


def create_features_app(
    retriever: OnlineRetriever,
    directory: PrincipalDirectory,
    past: PastFeatures | None = None,
    *,
    redact: Redact = unredacted,
) -> FrontedApp:
    """The feature routes alone, as an application; what `retriever` opened for its event loop ends with that.

    `redact`: for what refusals repeat of a request.
    """

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncGenerator[None]:
        yield
        retriever.close()

    app = FrontedApp(title="Vigía features", lifespan=lifespan)
    install_error_handlers(app, redact)
    install_last_resort(app)
    install_access(app, directory)
    app.add_middleware(BodyLimit, limit=MAX_BODY_BYTES)
    add_features(app, retriever, past)
    return app


def _routes(endpoints: dict[str, Endpoint]) -> APIRouter:
    router = APIRouter()
    for path, endpoint in endpoints.items():
        router.routes.append(Route(path, endpoint, methods=["POST"]))
    return router


def _online(retriever: OnlineRetriever, call: Call) -> Answer:
    asked = online_question(call)
    found = retriever.get_online_features(
        asked.features, asked.rows, asked.tenant, call.principal, full_feature_names=asked.full_feature_names
    )
    return _told(found, call)


async def _asked(retriever: OnlineRetriever, call: Call) -> Answer:
    asked = online_question(call)
    found = await retriever.ask_online_features(
        asked.features, asked.rows, asked.tenant, call.principal, full_feature_names=asked.full_feature_names
    )
    if found.rows * len(found.names) > AT_ONCE:
        return await asyncio.to_thread(_told, found, call)
    return _told(found, call)


def _told(found: OnlineResponse, call: Call) -> Answer:
    if call.wants_arrow:
        return Answer(arrow_bytes(found.to_arrow(statuses=True, event_times=True)), ARROW)
    return Answer(found.to_json(), JSON)


def _historical(past: PastFeatures, call: Call) -> Answer:
    asked, rows = question(HistoricalRequest, call)
    found = past.get_historical_features(
        asked.features,
        rows if isinstance(rows, pa.Table) else moments_table(rows),
        asked.tenant,
        call.principal,
        as_of=asked.as_of,
        full_feature_names=asked.full_feature_names,
        statuses=asked.statuses,
    )
    if call.wants_arrow:
        return Answer(arrow_bytes(found), ARROW)
    columns: dict[str, list[Any]] = found.to_pydict()
    document = {"tenant": asked.tenant, "rows": found.num_rows, "columns": columns}
    try:
        return Answer(orjson.dumps(document, option=orjson.OPT_UTC_Z), JSON)
    except TypeError as error:
        raise _not_json(columns) from error


def _not_json(columns: dict[str, list[Any]]) -> InvalidInput:
    """Which value of the columns that were sent along JSON has no form for: bytes, a decimal."""
    hint = f"leave the column out, or accept {ARROW}"
    for name, values in columns.items():
        for row, value in enumerate(values, start=1):
            try:
                orjson.dumps(value)
            except TypeError:
                return InvalidInput(f"row {row}, {name!r} is a {type(value).__name__}, not of JSON", hint=hint)
    return InvalidInput("the answer has no form in JSON", hint=hint)


def arrow_bytes(table: pa.Table) -> bytes:
    """`table` as an Arrow stream."""
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return sink.getvalue().to_pybytes()
