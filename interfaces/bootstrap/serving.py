"""`vigia platform serve`: the inference server and, on the same port, the features and the control API."""

from __future__ import annotations

from foundation.errors import InvalidInput
from interfaces.bootstrap.foundations import Foundations, open_foundations
from interfaces.bootstrap.models import registry_of
from interfaces.bootstrap.platform import catalog_in_force, offline_store, online_store
from interfaces.bootstrap.process import run_http, start_telemetry
from interfaces.bootstrap.promotion import model_admissions
from interfaces.settings import Settings


def run_serving(settings: Settings) -> None:
    """Serves until SIGTERM or SIGINT. Raises InvalidInput without a control token."""
    token = settings.serving.control_token
    if token is None:
        raise InvalidInput("the control API needs a token", hint="set VIGIA__SERVING__CONTROL_TOKEN")
    base = open_foundations(settings)
    start_telemetry(settings, "vigia-serving")
    _serve(base, token.get_secret_value())


def _serve(base: Foundations, token: str) -> None:
    from interfaces.http.access import install_access
    from interfaces.http.features import feature_routes
    from interfaces.principals import open_directory
    from platform_core.access.tenancy import TenantGuard
    from platform_core.features.past import PastFeatures
    from platform_core.features.retrieval import OnlineRetriever
    from platform_core.operations.control_api import control_router
    from platform_core.operations.sql_resources import SqlResources
    from platform_core.serving.app import create_inference_app
    from platform_core.serving.prediction_log import PredictionWriter
    from platform_core.simulation.slow_store import CompactionAwareStore

    settings = base.settings
    catalog = catalog_in_force(base)
    # Whoever changes which version of a model is in production does so here, where the registry has its say.
    resources = SqlResources(base.engine, base.clock, base.audit, admissions=model_admissions(base))
    # What an online compaction does to reads is part of this store's physics: it is watched here, where reads are.
    store = CompactionAwareStore(online_store(settings), resources)
    guard = TenantGuard(base.audit)
    retriever = OnlineRetriever(catalog, store, base.clock, guard=guard)
    app = create_inference_app(
        registry=registry_of(base),
        retriever=retriever,
        resources=resources,
        catalog=catalog,
        predictions=PredictionWriter(offline_store(settings)),
        clock=base.clock,
        more_metrics=[retriever.metrics.registry],
    )
    app.include_router(control_router(resources, token))
    install_access(app, open_directory(settings.principals_file))
    app.include_router(feature_routes(retriever, PastFeatures(catalog, offline_store(settings), guard)))
    try:
        run_http(app, host=settings.serving.host, port=settings.serving.port)
    finally:
        store.close()
