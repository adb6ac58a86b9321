"""`vigia platform simulate`: the simulated payments company."""

from __future__ import annotations

from foundation.errors import InvalidInput
from interfaces.bootstrap.foundations import open_foundations
from interfaces.bootstrap.platform import online_store
from interfaces.bootstrap.process import start_telemetry, until_stopped
from interfaces.bootstrap.redaction import redactor
from interfaces.settings import Settings
from interfaces.settings.sections import AlertSourceSettings


def run_simulation(settings: Settings) -> None:
    """Boots the company, then runs it until SIGTERM or SIGINT. Raises InvalidInput without a token."""
    token = settings.simulation.token
    if token is None:
        raise InvalidInput("the simulation's API needs a token", hint="set VIGIA__SIMULATION__TOKEN")
    base = open_foundations(settings)
    start_telemetry(settings, "vigia-simulation")
    from platform_core.simulation.boot import Progress
    from platform_core.simulation.runtime import Simulation, boot
    from platform_core.simulation.server import serve_simulation

    source = _alert_source(settings)

    def start(progress: Progress) -> Simulation:
        return boot(
            data_dir=settings.data_dir,
            engine=base.engine,
            clock=base.clock,
            audit=base.audit,
            origin=settings.clock.origin or base.clock.now(),
            seed=settings.simulation.seed,
            serving_url=settings.serving_url,
            serving_key=settings.simulation.serving_key.get_secret_value() if settings.simulation.serving_key else None,
            alert_url=f"{settings.copilot_url}/v1/webhooks/alertmanager" if source else None,
            alert_secret=source.secret.get_secret_value() if source else "",
            progress=progress,
            online=online_store(settings),
        )

    with until_stopped() as stop:
        serve_simulation(
            start,
            host=settings.simulation.host,
            port=settings.simulation.port,
            token=token.get_secret_value(),
            stop=stop,
            redact=redactor(settings).redact,
        )


def _alert_source(settings: Settings) -> AlertSourceSettings | None:
    """The first source of Alertmanager's format: the monitors post as it does. None: they keep their alerts."""
    if not settings.simulation.deliver_alerts:
        return None
    return next((source for source in settings.alerts.sources.values() if source.kind == "alertmanager"), None)
