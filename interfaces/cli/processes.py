"""`vigia serve`, `vigia worker`, `vigia platform …`: the processes that stay.

Each ends cleanly on SIGTERM and SIGINT.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from interfaces.ownership import check_ownership

platform = typer.Typer(help="The ML platform's own processes.", no_args_is_help=True)


def serve() -> None:
    """The copilot over HTTP: alert webhooks, approvals, console, Slack."""
    check_ownership()
    from interfaces.bootstrap.copilot import run_copilot
    from interfaces.settings import load_settings

    run_copilot(load_settings())


def worker() -> None:
    """Correlates alerts, investigates, executes what was approved, verifies."""
    check_ownership()
    from interfaces.bootstrap.worker import run_worker
    from interfaces.settings import load_settings

    run_worker(load_settings())


@platform.command("serve")
def platform_serve(
    workers: Annotated[
        int | None, typer.Option(min=1, max=64, help="Processes that share the port. [default: the settings', 1]")
    ] = None,
    listener: Annotated[int | None, typer.Option(hidden=True)] = None,
    metrics: Annotated[Path | None, typer.Option(hidden=True)] = None,
    supervisor: Annotated[int | None, typer.Option(hidden=True)] = None,
) -> None:
    """The inference server and the control API."""
    check_ownership()
    from interfaces.bootstrap.listening import require_free
    from interfaces.bootstrap.serving import Worker, run_serving
    from interfaces.settings import load_settings

    settings = load_settings()
    # The hidden options are how a supervisor starts its workers.
    worker = None
    if listener is not None and metrics is not None and supervisor is not None:
        worker = Worker(listener, metrics, supervisor)
    if worker is None:
        require_free(settings.serving.host, settings.serving.port, setting="VIGIA__SERVING__PORT")
    run_serving(settings, workers=workers, worker=worker)


@platform.command("run")
def platform_run() -> None:
    """Keep features current, watch them and deliver alerts, for the catalog in force."""
    from interfaces.bootstrap.running import run_platform
    from interfaces.settings import load_settings

    run_platform(load_settings())


@platform.command("simulate")
def platform_simulate() -> None:
    """The simulated payments company: traffic, connectors, materialization, monitors."""
    check_ownership()
    from interfaces.bootstrap.simulation import run_simulation
    from interfaces.settings import load_settings

    run_simulation(load_settings())
