"""`vigia features materialize | backfill | runs`."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer

from interfaces.cli.features.moments import moment_of, person
from interfaces.cli.options import Json

if TYPE_CHECKING:
    from foundation.clock import Clock
    from platform_core.features.materialization import OnChunk
    from platform_core.features.ranged import Advance
    from platform_core.operations.timeline import JobRun

Views = Annotated[list[str], typer.Argument(help="Feature views.", metavar="VIEW...")]
Tenant = Annotated[str | None, typer.Option(help="Only this one's values; all of the view's when not given.")]


def materialize(views: Views, tenant: Tenant = None, json: Json = False) -> None:
    """Take everything that arrived into the stores, the first time all history; exit 1 when a run failed.

    Killed and started again, it goes on where it was. What another process has is cancelled, and says who has it; the
    others are done.
    """
    from interfaces.bootstrap.materialization import open_materialization
    from interfaces.settings import load_settings

    parts = open_materialization(load_settings())
    runs = []
    for view in views:
        for name in [tenant] if tenant else parts.catalog.tenants(view):
            with _progress(f"{view} {name}", shown=not json) as on_chunk:
                runs.append(
                    _unless_held(
                        view,
                        name,
                        parts.view.clock,
                        partial(parts.materializer.catch_up, view, name, author=person(), on_chunk=on_chunk),
                    )
                )
    _end(runs, json)


def backfill(  # noqa: PLR0917  # options of a command
    view: Annotated[str, typer.Argument(help="Feature view.")],
    start: Annotated[str, typer.Option("--from", help="First event time, e.g. 2026-11-18 or 2026-11-18T06:00Z.")],
    end: Annotated[str, typer.Option("--to", help="Up to and without it.")],
    tenant: Tenant = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what it would take: rows, time, money.")] = False,
    usd_per_hour: Annotated[float, typer.Option(help="Price of this machine, for --dry-run.", min=0)] = 0.20,
    usd_per_million_writes: Annotated[float, typer.Option(help="Price of online writes, for --dry-run.", min=0)] = 0.0,
    json: Json = False,
) -> None:
    """Recompute the feature rows of events in [--from, --to); writes what differs, never over what came later."""
    from interfaces.bootstrap.materialization import open_materialization
    from interfaces.settings import load_settings
    from interfaces.terminal.output import print_json, print_table
    from platform_core.features.estimate import Prices

    first, last = moment_of(start, "--from"), moment_of(end, "--to")
    prices = Prices(machine_hour=usd_per_hour, million_online_writes=usd_per_million_writes)
    parts = open_materialization(load_settings(), prices)
    tenants = [tenant] if tenant else parts.catalog.tenants(view)
    if dry_run:
        found = [parts.estimator.backfill(view, first, last, name) for name in tenants]
        if json:
            print_json(found)
            return
        rows = [
            (e.tenant, f"{e.events:,}", f"{e.rows_read:,}", e.chunks, f"{e.seconds:.1f} s", f"{e.usd:.4f}", e.basis)
            for e in found
        ]
        columns = ("tenant", "feature rows", "rows read", "chunks", "duration", "USD", "basis")
        print_table(f"backfill of {view}, nothing written", columns, rows, empty="no tenant")
        return
    runs = []
    for name in tenants:
        with _progress(f"{view} {name}", shown=not json) as on_chunk:
            runs.append(
                _unless_held(
                    view,
                    name,
                    parts.view.clock,
                    partial(parts.materializer.backfill, view, first, last, name, author=person(), on_chunk=on_chunk),
                )
            )
    _end(runs, json)


def show_runs(
    view: Annotated[str | None, typer.Argument(help="Only of this view.")] = None,
    tenant: Tenant = None,
    hours: Annotated[float, typer.Option(help="How far back, on the platform's clock.", min=0)] = 24,
    limit: Annotated[int, typer.Option(help="How many at most.", min=1, max=10_000)] = 40,
    json: Json = False,
) -> None:
    """List materialization runs, newest first, with what was late, delivered twice or held back for its clock."""
    from datetime import timedelta

    from interfaces.bootstrap.materialization import open_materialization
    from interfaces.settings import load_settings
    from interfaces.terminal.output import print_json
    from platform_core.features.target import job_urn

    parts = open_materialization(load_settings())
    now = parts.view.clock.now()
    names = [parts.catalog.feature_view(view).name] if view else [v.name for v in parts.catalog.feature_views]
    found = [
        run
        for name in names
        for run in parts.operations.job_runs(now - timedelta(hours=hours), now, job=job_urn(name), limit=limit)
        if tenant in (None, run.tenant)
    ]
    found = sorted(found, key=lambda run: run.started_at, reverse=True)[:limit]
    if json:
        print_json(found)
        return
    _print_runs(found)


def _unless_held(view: str, tenant: str, clock: Clock, work: Callable[[], JobRun]) -> JobRun:
    """What `work` did; while another process is at it a cancelled run, not on record, that says who."""
    from foundation.ids import new_id
    from platform_core.features.leases import LeaseHeld
    from platform_core.features.target import job_urn
    from platform_core.operations.timeline import JobRun
    from platform_core.urn import urn

    try:
        return work()
    except LeaseHeld as held:
        now = clock.now()
        return JobRun(
            id=new_id("run"),
            job=job_urn(view),
            subject=urn("feature_view", view),
            tenant=tenant,
            started_at=now,
            ended_at=now,
            status="cancelled",
            error=str(held),
        )


def _end(runs: list[JobRun], json: bool) -> None:
    from interfaces.terminal.output import print_json

    if json:
        print_json(runs)
    else:
        _print_runs(runs)
    raise typer.Exit(0 if all(run.status == "succeeded" for run in runs) else 1)


def _print_runs(runs: list[JobRun]) -> None:
    from interfaces.terminal.output import print_table
    from platform_core.urn import parse_urn

    rows = [
        (
            f"{run.started_at:%m-%d %H:%M:%S}",
            parse_urn(run.subject)[1],
            run.tenant,
            run.status,
            f"{run.rows:,}",
            "" if run.ended_at is None else f"{(run.ended_at - run.started_at).total_seconds():.1f} s",
            ", ".join(f"{count:,} {what}" for what, count in sorted(run.counts.items())),
            (run.error or "").partition("\n")[0],
        )
        for run in runs
    ]
    columns = ("started (UTC)", "view", "tenant", "status", "rows", "took", "source rows", "error")
    print_table("materialization", columns, rows, empty="no run")


@contextmanager
def _progress(title: str, *, shown: bool) -> Generator[OnChunk]:
    """Where it is interrupted, says how far it came."""
    from interfaces.terminal.progress import chunk_progress

    reached: list[Advance] = []
    try:
        with chunk_progress(title, shown=shown) as on_chunk:

            def heard(advance: Advance) -> None:
                reached[:] = [advance]
                on_chunk(advance)

            yield heard
    except KeyboardInterrupt:
        where = f"at {reached[0].until:%Y-%m-%d %H:%M:%S} UTC" if reached else "before its first chunk was done"
        typer.echo(f"{title}: stopped {where}; run it again to go on", err=True)
        raise typer.Exit(130) from None
