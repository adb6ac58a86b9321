"""The inference server.

    POST /v1/predict/{endpoint}   PredictionRequest -> Prediction, BatchRequest -> BatchPrediction; JSON or Arrow
    GET  /livez /readyz /metrics

A prediction does not pass through the framework (`predicting`); everything else on the port does.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import prometheus_client
from fastapi import FastAPI, Response
from fastapi.responses import JSONResponse

from foundation.body_limit import BodyLimit
from foundation.clock import Clock
from foundation.fronted import FrontedApp
from foundation.http_errors import install_error_handlers
from foundation.outside_text import Redact, unredacted
from platform_core.access.endpoints import EndpointAccess
from platform_core.catalog.specs import Catalog
from platform_core.serving.bodies import BODY_SECONDS
from platform_core.serving.callers import Callers
from platform_core.serving.circuits import Circuits, Tell
from platform_core.serving.endpoints import EndpointDirectory
from platform_core.serving.metrics import ServingMetrics
from platform_core.serving.ports import EndpointResources, FeatureSource
from platform_core.serving.predicting import PREFIX, Predicting
from platform_core.serving.prediction_log import PredictionWriter
from platform_core.serving.recording import Recorder
from platform_core.serving.retrieval import Retrieval
from platform_core.serving.scorer import Scorer
from platform_core.serving.types import BatchPrediction, BatchRequest, Prediction, PredictionRequest
from platform_core.serving.waiting import StoreThreads
from platform_core.serving.wire import ARROW, JSON
from platform_core.serving.worker_metrics import SharedMetrics
from platform_core.training.registry import ModelRegistry

MAX_CONTROL_BODY_BYTES = 262_144
Registries = Sequence[prometheus_client.CollectorRegistry]


class InferenceApp(FrontedApp):
    """Predictions are ahead of the framework."""

    predicting: Predicting

    def drain(self) -> None:
        """From now on `/readyz` says 503 and every prediction ends its connection; all are still answered."""
        self.predicting.draining = True


def create_inference_app(
    *,
    registry: ModelRegistry,
    features: FeatureSource,
    resources: EndpointResources,
    catalog: Catalog,
    predictions: PredictionWriter,
    clock: Clock,
    access: EndpointAccess | None = None,
    open_to_all: bool = True,
    threads: int = 16,
    refresh_interval: float = 0.25,
    traced_share: float = 0.01,
    body_seconds: float = BODY_SECONDS,
    more_metrics: Registries = (),
    shared_metrics: SharedMetrics | None = None,
    store: str | None = None,
    tell_fault: Tell = lambda endpoint, tenant, opened: None,
    redact: Redact = unredacted,
) -> InferenceApp:
    """The application; its lifespan starts and ends the endpoint refresh, `access` and the prediction log.

    `access`: who may score; without it everybody may, and with nobody in it everybody while `open_to_all`. `threads`
    bounds how many requests wait at once for a store that can only be waited for. `more_metrics` are shown at
    `/metrics` too, with those of the other processes where there are `shared_metrics`. `store`: what the online store
    is, by the name that OpenTelemetry's `db.system.name` has for it. `tell_fault` is told when an endpoint goes without
    it, and when it has it again. `redact` is for what refusals repeat of a request. Add the control API with
    `include_router`.
    """
    metrics = ServingMetrics()
    scorer = Scorer(features, Recorder(clock, metrics, predictions.write))
    circuits = Circuits(metrics, tell_fault)

    def forget(served: Collection[str]) -> None:
        scorer.forget(served)
        circuits.forget(served)

    endpoints = EndpointDirectory(resources, registry, catalog, interval=refresh_interval, gone=forget)
    metrics.log_dropped.set_function(lambda: predictions.dropped)
    metrics.log_lost.set_function(lambda: predictions.lost)
    metrics.shadows_failed.set_function(lambda: predictions.unscored)
    metrics.log_waiting.labels("memory_rows").set_function(lambda: predictions.buffered)
    metrics.log_waiting.labels("disk_batches").set_function(lambda: predictions.spilled)
    waiting = StoreThreads(threads)
    pool = ThreadPoolExecutor(4, thread_name_prefix="score")
    registries = (metrics.registry, *more_metrics)

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncGenerator[None]:
        # What raises at its end keeps nothing else from its own, least of all the log from being written out. The last
        # to be put on the stack ends first.
        async with AsyncExitStack() as ending:
            if shared_metrics is not None:
                shared_metrics.start(registries)
                ending.push_async_callback(asyncio.to_thread, shared_metrics.stop)
            predictions.start()
            ending.push_async_callback(asyncio.to_thread, predictions.stop)
            ending.callback(features.close)
            ending.callback(waiting.stop)
            ending.callback(pool.shutdown)
            if access is not None:
                access.start()
                ending.push_async_callback(asyncio.to_thread, access.stop)
            ending.push_async_callback(asyncio.to_thread, endpoints.stop)
            await asyncio.to_thread(endpoints.start)
            yield

    app = InferenceApp(title="Vigía inference", lifespan=lifespan)
    app.predicting = Predicting(
        endpoints,
        scorer,
        Callers(access, open_to_all=open_to_all),
        Retrieval(features, waiting, circuits, metrics),
        pool,
        traced_share=traced_share,
        body_seconds=body_seconds,
        store=store,
    )
    install_error_handlers(app, redact)
    app.predicting.answering = app.state.answering
    app.ahead(PREFIX, app.predicting)
    # For what is added to this application; a prediction has its own limit.
    app.add_middleware(BodyLimit, limit=MAX_CONTROL_BODY_BYTES)

    @app.post("/v1/predict/{endpoint}", response_model=Prediction | BatchPrediction, openapi_extra=_OPENAPI)
    async def predict(endpoint: str) -> Response:  # pyright: ignore[reportUnusedFunction]
        """For the document: what is ahead never lets it come here."""
        raise AssertionError(endpoint)

    @app.get("/livez")
    async def livez() -> dict[str, str]:  # pyright: ignore[reportUnusedFunction]
        return {"status": "ok"}

    @app.get("/readyz")
    async def readyz() -> JSONResponse:  # pyright: ignore[reportUnusedFunction]
        problems = dict(endpoints.problems)
        if app.predicting.draining:
            problems["process"] = "it is ending: no new work, please"
        return JSONResponse({"ready": not problems, "problems": problems}, 503 if problems else 200)

    @app.get("/metrics", include_in_schema=False)
    def prometheus() -> Response:  # pyright: ignore[reportUnusedFunction]
        shown = exposition(registries) if shared_metrics is None else shared_metrics.expose(registries)
        return Response(shown, media_type=prometheus_client.CONTENT_TYPE_LATEST)

    return app


def exposition(registries: Registries) -> bytes:
    """In Prometheus' text format."""
    return b"".join(prometheus_client.generate_latest(registry) for registry in registries)


_ARROW_BODY = {
    "schema": {"type": "string", "format": "binary", "description": "An Arrow stream, a column per entity and input"}
}
_OPENAPI: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            JSON: {"schema": {"oneOf": [PredictionRequest.model_json_schema(), BatchRequest.model_json_schema()]}},
            ARROW: _ARROW_BODY,
        },
    },
    "security": [{"bearer": []}],
}
