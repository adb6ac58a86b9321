"""`vigia attached …`: other platforms under this one's control plane."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from interfaces.cli.options import ApiKey, Json, KeyFile, person_key

if TYPE_CHECKING:
    from interfaces.bootstrap.foundations import Foundations

app = typer.Typer(help="Other platforms: SageMaker's endpoints, Databricks' jobs.", no_args_is_help=True)


@app.command("sync")
def sync(
    every: Annotated[float | None, typer.Option(help="Go on, every so many seconds, until stopped.", min=0.1)] = None,
    json: Json = False,
) -> None:
    """Bring the endpoints there and their resources here together: what was approved here is set there."""
    from foundation.errors import VigiaError
    from interfaces.bootstrap.attached import attached_endpoints
    from interfaces.bootstrap.process import until_stopped
    from interfaces.terminal.output import print_json, print_json_line, print_table

    attached = attached_endpoints(_base())
    if every is not None:
        with until_stopped() as stop:
            while not stop.is_set():
                try:
                    print_json_line({each.urn: each.status for each in attached.converge()})
                except VigiaError as error:
                    typer.echo(f"vigia: {error}", err=True)
                stop.wait(every)
        return
    found = attached.converge()
    if json:
        print_json(found)
        return
    rows = [
        (
            each.urn,
            each.tenant,
            each.status.get("state"),
            each.revision,
            each.status.get("applied_revision") or "none of ours",
            each.status.get("error") or "; ".join(each.status.get("differs", ())),
        )
        for each in found
    ]
    columns = ("endpoint", "tenant", "state", "revision", "in force there", "")
    print_table("attached endpoints", columns, rows, empty="none has the tag vigia:tenant")


@app.command("jobs")
def jobs(since: Annotated[str, typer.Option(help="How far back: 90m, 2h, 7d.")] = "24h", json: Json = False) -> None:
    """What ran there, newest first."""
    from foundation.clock import SystemClock
    from interfaces.bootstrap.attached import attached_jobs
    from interfaces.cli.operations import start_of
    from interfaces.settings import load_settings
    from interfaces.terminal.output import print_json, print_table

    found = attached_jobs(load_settings())
    runs = found.runs(start_of(since, SystemClock().now()))
    if json:
        print_json({"jobs": found.list_jobs(), "runs": runs})
        return
    rows = [(f"{run.started_at:%Y-%m-%d %H:%M}", run.id, run.job, run.status, run.error or "") for run in runs]
    print_table("runs", ("started (UTC)", "run", "job", "status", "error"), rows, empty=f"nothing ran since {since}")


@app.command("run-job")
def run_job(
    job: Annotated[str, typer.Argument(help="Its name there.")],
    once: Annotated[str | None, typer.Option(help="A key of your own: the same key starts one run.")] = None,
    api_key: ApiKey = None,
    key_file: KeyFile = None,
    json: Json = False,
) -> None:
    """Start a job there, now. Takes a person who is oncall or admin; refused while changes are frozen."""
    from interfaces.bootstrap.attached import run_job as start
    from interfaces.terminal.output import print_json

    run = start(_base(), person_key(api_key, key_file, "a job"), job, key=once)
    if json:
        print_json({"job": job, "run": run})
    else:
        typer.echo(f"{job}: run {run} was started")


@app.command("cancel-run")
def cancel_run(
    run: Annotated[str, typer.Argument(help="The run's id.")],
    api_key: ApiKey = None,
    key_file: KeyFile = None,
    json: Json = False,
) -> None:
    """Ask a run there to end."""
    from interfaces.bootstrap.attached import cancel_run as cancel
    from interfaces.terminal.output import print_json

    cancel(_base(), person_key(api_key, key_file, "a run"), run)
    if json:
        print_json({"run": run, "asked": "to end"})
    else:
        typer.echo(f"run {run} was asked to end")


def _base() -> Foundations:
    from interfaces.bootstrap.foundations import open_foundations
    from interfaces.settings import load_settings

    return open_foundations(load_settings())
