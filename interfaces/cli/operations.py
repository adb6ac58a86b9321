"""`vigia timeline`, `vigia jobs`, `vigia usage`: what changed, what ran, what it used and cost."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from interfaces.cli.options import Json

if TYPE_CHECKING:
    from platform_core.operations.costing import Charge

Since = Annotated[str, typer.Option(help="How far back: 90m, 2h, 7d; or from a moment on, 2026-11-18T06:00:00Z.")]
Limit = Annotated[int, typer.Option(min=1, max=10_000, help="At most so many, the newest.")]


def timeline(
    since: Since = "2h",
    kind: Annotated[list[str] | None, typer.Option(help="Only these, e.g. deploy; may be repeated.")] = None,
    subject: Annotated[str | None, typer.Option(help="Only of this URN, e.g. urn:vigia:endpoint:fraud-br.")] = None,
    limit: Limit = 200,
    json: Json = False,
) -> None:
    """What was changed: deploys, config, schema, traffic, catalog, backfills, rollouts, training, secrets."""
    from typing import cast, get_args

    from interfaces.bootstrap.operations import records_here
    from interfaces.settings import load_settings
    from interfaces.terminal.output import print_json, print_table
    from platform_core.operations.timeline import ChangeKind
    from platform_core.urn import parse_urn

    if subject is not None:
        parse_urn(subject)
    wanted = cast("list[ChangeKind]", [_one_of(each, get_args(ChangeKind), "kind") for each in kind or ()])
    settings = load_settings()
    records = records_here(settings)
    now = records.clock.now()
    found = records.operations.timeline(start_of(since, now), now, kinds=wanted, subject=subject, limit=limit)
    if json:
        print_json(found)
        return
    rows = [
        (
            f"{e.at:%Y-%m-%d %H:%M:%S}",
            e.kind,
            e.subject.removeprefix("urn:vigia:"),
            e.tenant or "all",
            e.author,
            e.summary,
        )
        for e in reversed(found)
    ]
    columns = ("at (UTC)", "kind", "subject", "tenant", "by", "what")
    print_table("timeline", columns, rows, empty=f"nothing was changed since {since} in {settings.database_name}")


def jobs(
    since: Since = "24h",
    status: Annotated[str | None, typer.Option(help="running, succeeded, failed or cancelled.")] = None,
    job: Annotated[str | None, typer.Option(help="Only of this job: its name (materialize-x) or URN.")] = None,
    limit: Limit = 200,
    json: Json = False,
) -> None:
    """What ran, and how it ended."""
    from typing import cast, get_args

    from interfaces.bootstrap.operations import records_here
    from interfaces.settings import load_settings
    from interfaces.terminal.output import print_json, print_table
    from platform_core.operations.timeline import JobStatus
    from platform_core.urn import urn

    wanted = None if status is None else cast("JobStatus", _one_of(status, get_args(JobStatus), "status"))
    settings = load_settings()
    records = records_here(settings)
    now = records.clock.now()
    name = None if job is None else urn("job", job.removeprefix("urn:vigia:job:"))
    found = records.operations.runs(start_of(since, now), now, status=wanted, job=name, limit=limit)
    if json:
        print_json(found)
        return
    rows = [
        (
            f"{run.started_at:%Y-%m-%d %H:%M:%S}",
            run.job.removeprefix("urn:vigia:job:"),
            run.tenant or "all",
            run.status,
            "-" if run.ended_at is None else f"{(run.ended_at - run.started_at).total_seconds():.1f} s",
            run.rows,
            run.error or "",
        )
        for run in reversed(found)
    ]
    columns = ("started (UTC)", "job", "tenant", "status", "took", "rows", "error")
    print_table("jobs", columns, rows, empty=f"nothing ran since {since} in {settings.database_name}")


def usage(
    by: Annotated[str, typer.Option(help="tenant, endpoint, view or model.")] = "tenant",
    since: Since = "7d",
    focus: Annotated[
        Path | None,
        typer.Option(help="Write every charge to this file (-: stdout) as CSV with FOCUS 1.1's columns."),
    ] = None,
    json: Json = False,
) -> None:
    """What was used and what it costs, by who used it or by what was used."""
    from typing import cast, get_args

    from interfaces.bootstrap.operations import records_here
    from interfaces.settings import load_settings
    from interfaces.terminal.output import print_json, print_table
    from platform_core.operations.costing import Grouping, totals

    group = cast("Grouping", _one_of(by, get_args(Grouping), "grouping"))
    settings = load_settings()
    records = records_here(settings)
    now = records.clock.now()
    found = records.charges(start_of(since, now), now)
    if focus is not None:
        written = _write(found, focus, settings.usage.currency, settings.usage.account, settings.environment)
        if str(focus) != "-":
            typer.echo(f"{written} charges were written to {focus}")
        return
    summed = totals(found, group)
    if json:
        print_json({"by": group, "currency": settings.usage.currency, "since": start_of(since, now), "totals": summed})
        return
    rows = [(total.name, total.tenant or "-", _quantities(total.quantities), f"{total.cost:,.2f}") for total in summed]
    columns = (group, "tenant", "used", settings.usage.currency)
    print_table(f"usage since {since}", columns, rows, empty=f"nothing was used in {settings.database_name}")


def _quantities(quantities: dict[str, float]) -> str:
    return ", ".join(f"{value:,.0f} {unit.replace('_', ' ')}" for unit, value in sorted(quantities.items()))


def _write(found: list[Charge], path: Path, currency: str, account: str, environment: str) -> int:
    import sys

    from platform_core.operations.costing import write_focus

    if str(path) == "-":
        return write_focus(sys.stdout, found, currency=currency, account=account, environment=environment)
    with path.open("w", encoding="utf-8", newline="") as file:
        return write_focus(file, found, currency=currency, account=account, environment=environment)


def _one_of(given: str, known: tuple[str, ...], what: str) -> str:
    import difflib

    from foundation.errors import InvalidInput

    if given in known:
        return given
    close = difflib.get_close_matches(given, known, n=1)
    hint = f"did you mean {close[0]}?" if close else f"one of {', '.join(known)}"
    raise InvalidInput(f"{given!r} is not a {what}", hint=hint)


def start_of(since: str, now: datetime) -> datetime:
    """Where what `--since` asks for begins. Raises InvalidInput for what is no time, or not one before now."""
    from foundation.errors import InvalidInput
    from interfaces.cli.features.moments import moment_of
    from platform_core.catalog.durations import parse_duration

    try:
        start = moment_of(since, "--since") if "-" in since else now - parse_duration(since)
    except OverflowError as error:
        raise InvalidInput(f"--since: {since!r} goes back too far", hint="write 90m, 2h or 7d") from error
    if start > now:
        raise InvalidInput(f"--since: {since!r} is still to come", hint=f"it is {now:%Y-%m-%dT%H:%M:%SZ}")
    return start
