"""Features over HTTP, for those who have an API key.

    POST /v1/features/online       which features of which entities -> values, statuses and event times
    POST /v1/features/historical   the same for entities at moments -> the rows with their values at that time

The question is JSON, or an Arrow stream (`application/vnd.apache.arrow.stream`) of entity rows with `features` (again
for each, or one service), `tenant` and the other fields in the query. The answer is JSON by orjson, or Arrow where
`Accept` names it. Everything from the bytes of one to the bytes of the other happens in one hop to a thread: the store
may block.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from functools import partial
from typing import Any, Literal, TypeVar

import orjson
import pyarrow as pa
from fastapi import APIRouter, FastAPI, Request, Response
from pydantic import ValidationError

from foundation.body_limit import BodyLimit
from foundation.errors import InvalidInput, TooLarge
from foundation.frozen import Frozen
from foundation.http_errors import install_error_handlers
from interfaces.http.access import caller_of, install_access
from interfaces.http.errors import install_last_resort
from platform_core.access.directory import PrincipalDirectory
from platform_core.access.principals import Principal
from platform_core.features.entity_rows import EntityColumns, EntityRows
from platform_core.features.keys import KEY_HINT, key_problem
from platform_core.features.past import PastFeatures
from platform_core.features.point_in_time.entity_rows import EVENT_TIMESTAMP
from platform_core.features.retrieval import MAX_ROWS, OnlineRetriever

ARROW = "application/vnd.apache.arrow.stream"
JSON = "application/json"
MAX_BODY_BYTES = 262_144


class OnlineRequest(Frozen):
    """`features`: a service, or `view:feature` references. `entity_rows`: a list of rows, or columns by join key."""

    features: str | list[str]
    tenant: str
    entity_rows: list[dict[str, Any]] | dict[str, list[Any]]
    full_feature_names: bool = True


Asked = TypeVar("Asked", bound=OnlineRequest)


class HistoricalRequest(OnlineRequest):
    """`entity_rows` have the column `event_timestamp` too: times with a zone, ISO 8601 in JSON."""

    as_of: Literal["event", "created"] = "event"
    statuses: bool = False


def feature_routes(retriever: OnlineRetriever, past: PastFeatures | None = None, *, threads: int = 16) -> APIRouter:
    """To be included in an application that knows people (`install_access`). `threads` bounds how many requests wait
    for the store at once."""
    router = APIRouter()
    pool = ThreadPoolExecutor(threads, thread_name_prefix="features")

    def route(path: str, answer: Callable[[Request, Principal, bytes], Response]) -> None:
        async def endpoint(request: Request) -> Response:
            principal = caller_of(request)
            announced = request.headers.get("content-length", "")
            if announced.isdigit() and int(announced) > MAX_BODY_BYTES:
                hint = f"send at most {MAX_ROWS} rows with their join keys only, or several requests"
                raise TooLarge(f"the request has {announced} bytes, the most is {MAX_BODY_BYTES}", hint=hint)
            body = await request.body()
            return await asyncio.get_running_loop().run_in_executor(pool, answer, request, principal, body)

        # A plain route: what FastAPI does for arguments and models costs more than the rest, and nothing here uses it.
        router.add_route(path, endpoint, methods=["POST"])

    route("/v1/features/online", partial(_online, retriever))
    if past is not None:
        route("/v1/features/historical", partial(_historical, past))
    return router


def create_features_app(
    retriever: OnlineRetriever, directory: PrincipalDirectory, past: PastFeatures | None = None
) -> FastAPI:
    """The feature routes alone, as an application."""
    app = FastAPI(title="Vigía features")
    install_error_handlers(app)
    install_last_resort(app)
    install_access(app, directory)
    app.add_middleware(BodyLimit, limit=MAX_BODY_BYTES)
    app.include_router(feature_routes(retriever, past))
    return app


def _online(retriever: OnlineRetriever, request: Request, principal: Principal, body: bytes) -> Response:
    asked, rows = _question(OnlineRequest, request, body)
    found = retriever.get_online_features(
        asked.features, rows, asked.tenant, principal, full_feature_names=asked.full_feature_names
    )
    if ARROW in request.headers.get("accept", ""):
        return Response(arrow_bytes(found.to_arrow(statuses=True, event_times=True)), media_type=ARROW)
    return Response(orjson.dumps(found.to_document(), option=orjson.OPT_UTC_Z), media_type=JSON)


def _historical(past: PastFeatures, request: Request, principal: Principal, body: bytes) -> Response:
    asked, rows = _question(HistoricalRequest, request, body)
    found = past.get_historical_features(
        asked.features,
        rows if isinstance(rows, pa.Table) else moments_table(rows),
        asked.tenant,
        principal,
        as_of=asked.as_of,
        full_feature_names=asked.full_feature_names,
        statuses=asked.statuses,
    )
    if ARROW in request.headers.get("accept", ""):
        return Response(arrow_bytes(found), media_type=ARROW)
    columns = found.to_pydict()
    document = {"tenant": asked.tenant, "rows": found.num_rows, "columns": columns}
    try:
        return Response(orjson.dumps(document, option=orjson.OPT_UTC_Z), media_type=JSON)
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


def _question(kind: type[Asked], request: Request, body: bytes) -> tuple[Asked, EntityRows]:
    """What is asked, and the entity rows. Raises InvalidInput, saying what is wrong with either."""
    sent = request.headers.get("content-type", JSON).partition(";")[0].strip().lower()
    try:
        if sent == JSON:
            asked = kind.model_validate_json(body)
            return asked, asked.entity_rows
        if sent == ARROW:
            query = request.query_params
            fields: dict[str, Any] = {**query, "entity_rows": []}
            named = query.getlist("features")
            if named:
                fields["features"] = named[0] if len(named) == 1 else named
            return kind.model_validate(fields), _table(body)
    except ValidationError as error:
        problems = [f"{'.'.join(map(str, e['loc'])) or 'body'}: {e['msg']}" for e in error.errors(include_url=False)]
        hint = f"it has {', '.join(kind.model_fields)}"
        raise InvalidInput("; ".join(problems[:5]), hint=hint) from error
    raise InvalidInput(f"the request's content type is {sent!r}", hint=f"send {JSON} or {ARROW}")


def _table(body: bytes) -> pa.Table:
    try:
        with pa.ipc.open_stream(body) as reader:
            return reader.read_all()
    except (pa.ArrowInvalid, OSError) as error:
        raise InvalidInput(f"the body is not an Arrow stream: {error}") from error


def arrow_bytes(table: pa.Table) -> bytes:
    """`table` as an Arrow stream."""
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return sink.getvalue().to_pybytes()


def moments_table(rows: EntityRows) -> pa.Table:
    """JSON's entity rows with their moments as a table. Raises InvalidInput, naming row and column."""
    columns = EntityColumns(rows)
    given = columns.column(EVENT_TIMESTAMP, "every row")
    moments: list[datetime] = []
    for number, text in enumerate(given, start=1):
        try:
            moment = datetime.fromisoformat(str(text))
        except ValueError as error:
            raise InvalidInput(f"row {number}, {EVENT_TIMESTAMP!r} is {text!r}: {error}") from error
        if moment.tzinfo is None:
            raise InvalidInput(f"row {number}, {EVENT_TIMESTAMP!r} is {text!r}", hint="give times with a zone, e.g. …Z")
        moments.append(moment)
    table: dict[str, Any] = {EVENT_TIMESTAMP: pa.array(moments, pa.timestamp("us", "UTC"))}
    for name in columns.names():
        if name == EVENT_TIMESTAMP:
            continue
        try:
            table[name] = pa.array(list(columns.column(name, "a column")))
        except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
            raise InvalidInput(f"column {name!r} is of several types: {error}") from error
        except OverflowError as error:
            row, value = next(
                found for found in enumerate(columns.column(name, "a column"), start=1) if _wide(found[1])
            )
            raise InvalidInput(f"row {row}, {name!r} is {key_problem(value)}", hint=KEY_HINT) from error
    return pa.table(table)


def _wide(value: object) -> bool:
    return isinstance(value, int) and key_problem(value) is not None
