"""The inference server.

    POST /v1/predict/{endpoint}   PredictionRequest -> Prediction
    GET  /livez /readyz /metrics

The hot path reads the body, validates it in one pass and does the rest in one hop to a thread: the online store may
block, and a store that is slow must not hold up the control API, the health probes or the requests behind it.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from time import perf_counter
from typing import Any

import prometheus_client
from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse
from pydantic import ValidationError

from foundation.body_limit import BodyLimit
from foundation.clock import Clock
from foundation.errors import InvalidInput, TooLarge, VigiaError
from foundation.http_errors import install_error_handlers
from platform_core.catalog.specs import Catalog
from platform_core.serving.endpoints import EndpointDirectory
from platform_core.serving.metrics import ServingMetrics
from platform_core.serving.ports import EndpointResources, FeatureRetriever
from platform_core.serving.prediction_log import PredictionWriter
from platform_core.serving.scorer import Scorer
from platform_core.serving.types import Prediction, PredictionRequest
from platform_core.training.registry import ModelRegistry

MAX_BODY_BYTES = 16_384
MAX_CONTROL_BODY_BYTES = 262_144
_OPENAPI: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {"application/json": {"schema": PredictionRequest.model_json_schema()}},
    }
}


def create_inference_app(
    *,
    registry: ModelRegistry,
    retriever: FeatureRetriever,
    resources: EndpointResources,
    catalog: Catalog,
    predictions: PredictionWriter,
    clock: Clock,
    threads: int = 32,
    refresh_interval: float = 0.25,
    more_metrics: Sequence[prometheus_client.CollectorRegistry] = (),
) -> FastAPI:
    """The application; its lifespan starts and ends the endpoint refresh and the prediction log.

    `more_metrics` are shown at `/metrics` too. `threads` bounds how many requests wait for the online store at once.
    Add the control API with `include_router`.
    """
    metrics = ServingMetrics()
    endpoints = EndpointDirectory(resources, registry, catalog, interval=refresh_interval)
    scorer = Scorer(retriever, clock, metrics, predictions.write)
    metrics.log_dropped.set_function(lambda: predictions.dropped)
    pool = ThreadPoolExecutor(threads, thread_name_prefix="predict")

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncGenerator[None]:
        await asyncio.to_thread(endpoints.start)
        predictions.start()
        try:
            yield
        finally:
            await asyncio.to_thread(endpoints.stop)
            pool.shutdown()
            await asyncio.to_thread(predictions.stop)

    app = FastAPI(title="Vigía inference", lifespan=lifespan)
    install_error_handlers(app)
    # For what is added to this application; a prediction has its own, smaller limit.
    app.add_middleware(BodyLimit, limit=MAX_CONTROL_BODY_BYTES)

    @app.post("/v1/predict/{endpoint}", response_model=Prediction, openapi_extra=_OPENAPI)
    async def predict(endpoint: str, request: Request) -> Response:
        started = perf_counter()
        served = endpoints.get(endpoint)
        try:
            wanted = _parse(await _body(request))
            loop = asyncio.get_running_loop()
            prediction = await loop.run_in_executor(pool, scorer.predict, served, wanted, started)
        except VigiaError as error:
            metrics.errors.labels(served.name, error.code).inc()
            raise
        return Response(prediction.model_dump_json(), media_type="application/json")

    @app.get("/livez")
    async def livez() -> dict[str, str]:
        return {"status": "ok"}

    @app.get("/readyz")
    async def readyz() -> JSONResponse:
        problems = dict(endpoints.problems)
        return JSONResponse({"ready": not problems, "problems": problems}, 503 if problems else 200)

    @app.get("/metrics", include_in_schema=False)
    def prometheus() -> Response:
        shown = b"".join(prometheus_client.generate_latest(r) for r in (metrics.registry, *more_metrics))
        return Response(shown, media_type=prometheus_client.CONTENT_TYPE_LATEST)

    return app


async def _body(request: Request) -> bytes:
    """The body, up to MAX_BODY_BYTES. Raises TooLarge without reading on."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_BODY_BYTES:
            raise TooLarge(
                f"the request is larger than {MAX_BODY_BYTES} bytes", hint="send entity keys and inputs only"
            )
    return bytes(body)


def _parse(body: bytes) -> PredictionRequest:
    try:
        return PredictionRequest.model_validate_json(body)
    except ValidationError as error:
        problems = [f"{'.'.join(map(str, e['loc'])) or 'body'}: {e['msg']}" for e in error.errors(include_url=False)]
        raise InvalidInput("; ".join(problems)) from error
