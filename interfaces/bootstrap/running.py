"""`vigia platform run`: features kept current and watched, for the catalog in force."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta

from interfaces.bootstrap.catalog import catalog_store
from interfaces.bootstrap.foundations import Foundations, open_foundations
from interfaces.bootstrap.materialization import make_materialization
from interfaces.bootstrap.plain_http import TEXT, Route, serving_routes
from interfaces.bootstrap.platform import online_store
from interfaces.bootstrap.process import start_telemetry, until_stopped
from interfaces.bootstrap.promotion import model_upkeep
from interfaces.bootstrap.usage import usage_of_platform
from interfaces.settings import Settings
from platform_core.monitoring.delivery import AlertmanagerDelivery
from platform_core.monitoring.exposition import CONTENT_TYPE
from platform_core.operations.sql_resources import SqlResources
from platform_core.running.chores import Chore
from platform_core.running.estate import OfEnvironment
from platform_core.running.platform import Intervals, Parts, RunningPlatform

MODELS_SECONDS = 5.0


def run_platform(settings: Settings) -> None:
    """Runs until SIGTERM or SIGINT. Raises InvalidInput for a catalog that does not read or a port that is taken."""
    base = open_foundations(settings)
    start_telemetry(settings, "vigia-platform")
    platform, own = make_platform(base), settings.run
    usage = usage_of_platform(base)
    with until_stopped() as stop:
        platform.start(stop)
        hint = "another VIGIA__RUN__PORT; 0 takes any free one"
        usage.start(settings.usage.collect_seconds)
        with serving_routes(own.host, own.port, _routes(platform), who="the platform", hint=hint):
            platform.run()
        usage.stop()
    base.engine.dispose()


def make_platform(base: Foundations) -> RunningPlatform:
    from platform_core.features.offline.delta import DeltaOfflineStore

    settings, own = base.settings, base.settings.run
    store, online = catalog_store(base), online_store(settings)

    def open_parts() -> Parts:
        version = store.version()  # first: a catalog applied right after it is then seen at the next look
        opened = make_materialization(base, holder="vigia platform run", online=online)
        view = replace(opened.view, resources=OfEnvironment(opened.view.resources, settings.environment))
        return Parts(version, opened.catalog, view, opened.materializer)

    return RunningPlatform(
        open_parts,
        store.version,
        SqlResources(base.engine, base.clock, base.audit),
        DeltaOfflineStore(settings.data_dir / "offline"),
        environment=settings.environment,
        intervals=Intervals(
            materialize=timedelta(seconds=own.materialize_seconds),
            monitor=timedelta(seconds=own.monitor_seconds),
            tidy=timedelta(seconds=own.tidy_seconds),
            reload=timedelta(seconds=own.reload_seconds),
            rollouts=timedelta(seconds=own.rollout_seconds),
        ),
        delivery=_delivery(settings),
        chores=lambda: [Chore("models", MODELS_SECONDS, model_upkeep(base).step)],
        reports=settings.data_dir / "reports" / "drift",
    )


def _delivery(settings: Settings) -> AlertmanagerDelivery | None:
    """To the webhook that is set, otherwise to the copilot's first source of that kind; None: alerts are only shown."""
    own = settings.run
    if not own.deliver_alerts:
        return None
    if own.webhook_url is not None:
        return AlertmanagerDelivery(
            str(own.webhook_url), own.webhook_secret.get_secret_value() if own.webhook_secret else ""
        )
    source = next((s for s in settings.alerts.sources.values() if s.kind == "alertmanager"), None)
    if source is None:
        return None
    return AlertmanagerDelivery(f"{settings.copilot_url}/v1/webhooks/alertmanager", source.secret.get_secret_value())


def _routes(platform: RunningPlatform) -> dict[str, Route]:
    def ready() -> tuple[int, str, bytes]:
        waits = platform.waits_for()
        said = {"ready": not waits, "waits_for": waits, "problems": platform.problems}
        return 503 if waits else 200, "application/json", json.dumps(said).encode()

    return {
        "/metrics": lambda: (200, CONTENT_TYPE, platform.render()),
        "/livez": lambda: (200, TEXT, b"ok\n"),
        "/readyz": ready,
    }
