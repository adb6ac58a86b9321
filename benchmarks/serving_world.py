"""What the serving benchmarks serve: LightGBM, 100 trees, on 20 features, from the request or from an online store."""

from __future__ import annotations

import json
import multiprocessing
import socket
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from audit.log import SqlAuditLog
from foundation.clock import SystemClock
from foundation.database import metadata, open_database
from foundation.http_protocol import OneWriteProtocol
from platform_core.access.endpoints import EndpointAccess
from platform_core.catalog.specs import Catalog, DataSource, Entity, Feature, FeatureService, FeatureView, RequestField
from platform_core.features.offline.delta import DeltaOfflineStore
from platform_core.features.online.port import FeatureRow, OnlineStore
from platform_core.features.online.sqlite import SqliteOnlineStore
from platform_core.operations.resources import RolloutSpec
from platform_core.operations.sql_resources import SqlResources
from platform_core.serving.app import InferenceApp, create_inference_app
from platform_core.serving.prediction_log import PredictionWriter
from platform_core.serving.reading import AskedStore, StoreFeatures
from platform_core.training.registry import ModelRegistry
from platform_core.training.types import ModelSignature, SignatureFeature, TrainedModel

COLUMNS, TREES, CARDS = 20, 100, 1000
TENANT, VIEW, SERVICE, ENDPOINT = "br", "card_stats", "fraud", "fraud-br"
FEATURES = tuple(f"f{i}" for i in range(COLUMNS))
PATH = f"/v1/predict/{ENDPOINT}"


def names(*, stored: bool) -> list[str]:
    """The model's columns."""
    return [f"{VIEW}__{name}" if stored else name for name in FEATURES]


@lru_cache(maxsize=2)
def model_text(*, stored: bool = False) -> str:
    import lightgbm as lgb

    rng = np.random.default_rng(7)
    matrix = rng.normal(size=(20_000, COLUMNS))
    label = (matrix[:, 0] * matrix[:, 1] + matrix[:, 2] + rng.normal(size=20_000) > 1).astype(float)
    parameters = {"objective": "binary", "num_leaves": 31, "verbosity": -1, "deterministic": True, "num_threads": 1}
    return lgb.train(parameters, lgb.Dataset(matrix, label, feature_name=names(stored=stored)), TREES).model_to_string()


@lru_cache(maxsize=1)
def matrix() -> npt.NDArray[np.float64]:
    """The features of every card, of few digits, so that all sides read the same numbers out of JSON."""
    return np.round(np.random.default_rng(11).normal(size=(CARDS, COLUMNS)), 4)


def stored_rows() -> list[FeatureRow]:
    moment = datetime.now(UTC) - timedelta(minutes=1)
    return [
        FeatureRow(f"card-{n}", moment, moment, dict(zip(FEATURES, row, strict=True)))
        for n, row in enumerate(matrix().tolist())
    ]


def bodies(*, stored: bool) -> list[bytes]:
    """A request per card: with its key, or with its features."""
    inputs = [{} if stored else dict(zip(FEATURES, row, strict=True)) for row in matrix().tolist()]
    return [
        json.dumps(
            {"request_id": f"req-{n}", "entities": {"card": f"card-{n}"} if stored else {}, "inputs": each}
        ).encode()
        for n, each in enumerate(inputs)
    ]


def catalog(*, stored: bool) -> Catalog:
    day = timedelta(days=1)
    view = FeatureView(
        name=VIEW,
        entity="card",
        sources=("payments",),
        features=tuple(Feature(name=name) for name in FEATURES),
        ttl=day,
        freshness_sla=day,
        owner="",
        channel="",
        description="",
    )
    service = FeatureService(
        name=SERVICE,
        features=tuple(f"{VIEW}:{name}" for name in FEATURES) if stored else (),
        request_fields=() if stored else tuple(RequestField(name=n, dtype="float64", description="") for n in FEATURES),
        owner="",
        description="",
    )
    return Catalog(
        entities=(Entity(name="card", join_keys=("card_id",), description=""),),
        sources=(DataSource(name="payments", tenant=TENANT, table="payments", columns=(), owner=""),),
        feature_views=(view,),
        feature_services=(service,),
    )


def inference_app(
    directory: Path,
    online: OnlineStore | None,
    *,
    asked: AskedStore | None = None,
    access: EndpointAccess | None = None,
    log: bool = True,
    traced_share: float = 0.01,
) -> InferenceApp:
    """The app as `vigia platform serve` builds it, on a registry and a control plane in `directory`. Without `online`
    the features come with the request. `log` False: the rows of the prediction log are let go at once."""
    directory.mkdir(parents=True)
    engine = open_database(f"sqlite:///{directory / 'vigia.db'}")
    metadata.create_all(engine)
    clock = SystemClock()
    audit = SqlAuditLog(engine, clock)
    registry = ModelRegistry(engine, clock, audit, directory / "models")
    stored = online is not None
    known = catalog(stored=stored)
    registry.register(TrainedModel(model_text(stored=stored), signature(stored=stored)), "fraud", "service:benchmark")
    resources = SqlResources(engine, clock, audit)
    spec = RolloutSpec(model="fraud", champion="1", feature_service=SERVICE)
    resources.create(f"urn:vigia:endpoint:{ENDPOINT}", spec, tenant=TENANT, actor="service:benchmark")
    writer = PredictionWriter(DeltaOfflineStore(directory / "offline"))
    if not log:
        writer.write = _let_go  # type: ignore[method-assign]
    return create_inference_app(
        registry=registry,
        features=StoreFeatures(known, online or SqliteOnlineStore(directory / "online.db"), clock, asked=asked),
        resources=resources,
        catalog=known,
        predictions=writer,
        clock=clock,
        access=access,
        traced_share=traced_share,
    )


def _let_go(_row: Any) -> None:
    pass


def signature(*, stored: bool) -> ModelSignature:
    """Of `model_text`, whose rows are the request's or the store's."""
    at = datetime(2026, 11, 19, tzinfo=UTC)
    origin = "store" if stored else "request"
    columns = [SignatureFeature(name=name, origin=origin) for name in names(stored=stored)]
    return ModelSignature(
        feature_service=SERVICE,
        features=tuple(columns),
        decline_threshold=0.5,
        metrics={},
        baseline={},
        parameters={},
        seed=7,
        data_digest="",
        data_start=at,
        data_end=at,
        rows=20_000,
        code_version="",
        environment={},
    )


async def null_app(scope: dict[str, Any], receive: Any, send: Any) -> None:
    """Reads the body and answers with one of the size of a prediction."""
    if scope["type"] != "http":
        return
    while (await receive()).get("more_body"):
        pass
    headers = [(b"content-type", b"application/json"), (b"content-length", b"260")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b"0" * 260})


def start(build: Callable[..., Any], *arguments: Any) -> tuple[BaseProcess, int]:
    """A process of its own that serves what `build` makes, on uvicorn as `vigia platform serve` does; and its port."""
    spawn = multiprocessing.get_context("spawn")
    ours, theirs = spawn.Pipe()
    process = spawn.Process(target=_serve, args=(build, arguments, theirs), daemon=True)
    process.start()
    theirs.close()  # so that a server that dies is an end of file here, not a wait
    return process, ours.recv()


def stop(processes: Sequence[BaseProcess]) -> None:
    for process in processes:
        process.terminate()
        process.join()


def _serve(build: Callable[..., Any], arguments: tuple[Any, ...], pipe: Connection) -> None:
    import uvicorn

    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen()
    app = build(*arguments)
    # The null application has uvicorn as everybody has it.
    http = OneWriteProtocol if isinstance(app, InferenceApp) else "auto"
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning", access_log=False, http=http))
    pipe.send(listener.getsockname()[1])
    server.run(sockets=[listener])
