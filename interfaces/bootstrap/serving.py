"""`vigia platform serve`: the inference server and, on the same port, the features and the control API."""

from __future__ import annotations

import socket
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from foundation.errors import InvalidInput
from foundation.telemetry.metrics import TELEMETRY
from interfaces.bootstrap.foundations import Foundations, open_foundations
from interfaces.bootstrap.models import registry_of
from interfaces.bootstrap.platform import asked_store, catalog_in_force, offline_store, online_store
from interfaces.bootstrap.process import start_telemetry, until_stopped
from interfaces.bootstrap.promotion import model_admissions
from interfaces.bootstrap.redaction import redactor
from interfaces.settings import Settings

LOOPBACK = ("127.0.0.1", "::1", "localhost")
"""Where everybody may score while nobody has an API key: nobody else's machine can ask."""


@dataclass(frozen=True)
class Worker:
    """What a supervisor gives its workers: the socket to accept from, where all of them keep their counts, and its own
    process id."""

    listener: int
    metrics: Path
    supervisor: int


def run_serving(settings: Settings, *, workers: int | None = None, worker: Worker | None = None) -> None:
    """Serves until SIGTERM or SIGINT, in this process or in several under its supervision (`workers`; the settings'
    when not given). Raises InvalidInput without a control token."""
    token = settings.serving.control_token
    if token is None:
        raise InvalidInput("the control API needs a token", hint="set VIGIA__SERVING__CONTROL_TOKEN")
    count = workers or settings.serving.workers
    if worker is None and count > 1:
        _supervise(settings, count)
        return
    base = open_foundations(settings)
    start_telemetry(settings, "vigia-serving")
    _serve(base, token.get_secret_value, worker)


def _supervise(settings: Settings, workers: int) -> None:
    from interfaces.bootstrap.serving_workers import Supervisor

    open_foundations(settings).engine.dispose()  # the schema is made once, not by all workers at the same time
    start_telemetry(settings, "vigia-serving")
    serving = settings.serving
    supervisor = Supervisor(
        host=serving.host,
        port=serving.port,
        workers=workers,
        metrics=settings.data_dir / "serving" / "metrics",
        drain_seconds=serving.drain_seconds,
    )
    with until_stopped() as stop:
        supervisor.run(stop)


def _serve(base: Foundations, token: Callable[[], str], worker: Worker | None) -> None:
    from interfaces.bootstrap.draining import DrainingServer
    from interfaces.bootstrap.predictions import prediction_writer
    from interfaces.bootstrap.store_faults import tell_store_faults
    from interfaces.bootstrap.usage import usage_of_serving
    from interfaces.http.access import install_access
    from interfaces.http.errors import install_last_resort
    from interfaces.http.features import add_features
    from interfaces.principals import open_directory
    from platform_core.access.endpoints import EndpointAccess
    from platform_core.access.tenancy import TenantGuard
    from platform_core.features.past import PastFeatures
    from platform_core.features.retrieval import OnlineRetriever
    from platform_core.operations.control_api import control_router
    from platform_core.operations.sql_resources import SqlResources
    from platform_core.running.estate import EndpointsOfEnvironment
    from platform_core.serving.app import create_inference_app
    from platform_core.serving.reading import StoreFeatures
    from platform_core.serving.worker_metrics import SharedMetrics
    from platform_core.simulation.slow_store import CompactionAwareStore

    settings = base.settings
    catalog = catalog_in_force(base)
    # Whoever changes which version of a model is in production does so here, where the registry has its say.
    resources = SqlResources(base.engine, base.clock, base.audit, admissions=model_admissions(base))
    # What an online compaction does to reads is part of this store's physics: it is watched here, where reads are.
    store = CompactionAwareStore(online_store(settings, catalog), resources, asked=asked_store(settings))
    guard = TenantGuard(base.audit)
    retriever = OnlineRetriever(catalog, store, base.clock, guard=guard, asked=store.asked)
    directory = open_directory(settings.principals_file, settings.environment)
    shared = None if worker is None else SharedMetrics(worker.metrics)
    app = create_inference_app(
        registry=registry_of(base),
        features=StoreFeatures(catalog, store, base.clock, asked=store.asked, metrics=retriever.metrics),
        resources=EndpointsOfEnvironment(resources, settings.environment),
        catalog=catalog,
        predictions=prediction_writer(base, catalog),
        clock=base.clock,
        access=EndpointAccess(directory, base.audit),
        open_to_all=settings.serving.host in LOOPBACK,
        traced_share=settings.serving.traced_share,
        more_metrics=[retriever.metrics.registry, TELEMETRY],
        shared_metrics=shared,
        store={"dynamodb": "aws.dynamodb"}.get(settings.online.kind, settings.online.kind),
        tell_fault=tell_store_faults(base.engine, base.clock, settings.environment),
        redact=redactor(settings).redact,
    )
    app.include_router(control_router(resources, token))
    install_access(app, directory)
    install_last_resort(app)
    add_features(app, retriever, PastFeatures(catalog, offline_store(settings), guard))
    serving = settings.serving
    server = DrainingServer(
        app,
        host=serving.host,
        port=serving.port,
        seconds=serving.drain_seconds,
        supervisor=None if worker is None else worker.supervisor,
    )
    usage = usage_of_serving(base)
    usage.start(settings.usage.collect_seconds)
    try:
        server.serve_on(None if worker is None else socket.socket(fileno=worker.listener))
    finally:
        usage.stop()
        store.close()
