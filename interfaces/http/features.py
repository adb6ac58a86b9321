"""Features over HTTP, for those who have an API key.

    POST /v1/features/online   which features of which entities -> values, statuses and event times

The question is JSON, or an Arrow stream (`application/vnd.apache.arrow.stream`) of entity rows with `features` (again
for each, or one service), `tenant` and `full_feature_names` in the query. The answer is JSON by orjson, or Arrow where
`Accept` names it. Everything from the bytes of one to the bytes of the other happens in one hop to a thread: the store
may block.
"""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import orjson
import pyarrow as pa
from fastapi import APIRouter, FastAPI, Request, Response
from pydantic import ValidationError
from starlette.datastructures import QueryParams

from foundation.body_limit import BodyLimit
from foundation.errors import InvalidInput, TooLarge
from foundation.frozen import Frozen
from foundation.http_errors import install_error_handlers
from interfaces.http.access import caller_of, install_access
from interfaces.http.errors import answers, install_last_resort
from platform_core.access.directory import PrincipalDirectory
from platform_core.access.principals import Principal
from platform_core.features.online_response import OnlineResponse
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


_OPENAPI: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            JSON: {"schema": OnlineRequest.model_json_schema()},
            ARROW: {"schema": {"type": "string", "format": "binary"}},
        },
    }
}


def feature_routes(retriever: OnlineRetriever, *, threads: int = 16) -> APIRouter:
    """To be included in an application that knows people (`install_access`). `threads` bounds how many requests wait
    for the store at once."""
    router = APIRouter(prefix="/v1/features", tags=["features"])
    pool = ThreadPoolExecutor(threads, thread_name_prefix="features")

    @router.post("/online", openapi_extra=_OPENAPI, responses=answers(401, 403, 404, 413, 422, 503))
    async def online(request: Request) -> Response:
        principal = caller_of(request)
        announced = request.headers.get("content-length", "")
        if announced.isdigit() and int(announced) > MAX_BODY_BYTES:
            hint = f"send at most {MAX_ROWS} rows with their join keys only, or several requests"
            raise TooLarge(f"the request has {announced} bytes, the most is {MAX_BODY_BYTES}", hint=hint)
        body = await request.body()
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(pool, _answer, retriever, principal, request, body)

    return router


def create_features_app(retriever: OnlineRetriever, directory: PrincipalDirectory) -> FastAPI:
    """The feature routes alone, as an application."""
    app = FastAPI(title="Vigía features")
    install_error_handlers(app)
    install_last_resort(app)
    install_access(app, directory)
    app.add_middleware(BodyLimit, limit=MAX_BODY_BYTES)
    app.include_router(feature_routes(retriever))
    return app


def _answer(retriever: OnlineRetriever, principal: Principal, request: Request, body: bytes) -> Response:
    sent = request.headers.get("content-type", JSON).partition(";")[0].strip().lower()
    if sent == ARROW:
        features, rows, tenant, full = _arrow_question(request.query_params, body)
    elif sent == JSON:
        asked = _json_question(body)
        features, rows, tenant, full = asked.features, asked.entity_rows, asked.tenant, asked.full_feature_names
    else:
        raise InvalidInput(f"the request's content type is {sent!r}", hint=f"send {JSON} or {ARROW}")
    found = retriever.get_online_features(features, rows, tenant, principal, full_feature_names=full)
    if ARROW in request.headers.get("accept", ""):
        return Response(arrow_bytes(found), media_type=ARROW)
    return Response(orjson.dumps(found.to_document(), option=orjson.OPT_UTC_Z), media_type=JSON)


def arrow_bytes(found: OnlineResponse) -> bytes:
    """An Arrow stream of all there is: `OnlineResponse.from_arrow` reads it back."""
    table = found.to_arrow(statuses=True, event_times=True)
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return sink.getvalue().to_pybytes()


def _json_question(body: bytes) -> OnlineRequest:
    try:
        return OnlineRequest.model_validate_json(body)
    except ValidationError as error:
        problems = [f"{'.'.join(map(str, e['loc'])) or 'body'}: {e['msg']}" for e in error.errors(include_url=False)]
        hint = "features, tenant, entity_rows: [{join key: value}, …] and, if you like, full_feature_names"
        raise InvalidInput("; ".join(problems[:5]), hint=hint) from error


def _arrow_question(query: QueryParams, body: bytes) -> tuple[str | list[str], pa.Table, str, bool]:
    features, tenant = query.getlist("features"), query.get("tenant")
    if not features or tenant is None:
        raise InvalidInput("an Arrow request lacks features or tenant", hint="?features=SERVICE&tenant=TENANT")
    try:
        with pa.ipc.open_stream(body) as reader:
            table = reader.read_all()
    except (pa.ArrowInvalid, OSError) as error:
        raise InvalidInput(f"the body is not an Arrow stream: {error}") from error
    full = query.get("full_feature_names", "true").lower() not in {"false", "0"}
    return features[0] if len(features) == 1 else features, table, tenant, full
