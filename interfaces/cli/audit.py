"""`vigia audit …`: read the log, and prove that nobody rewrote it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from interfaces.cli.options import Json

app = typer.Typer(help="The log that nobody can rewrite.", no_args_is_help=True)


@app.command("verify")
def verify(json: Json = False) -> None:
    """Check every entry, every hash, the checkpoints and their copies; exit 1 when something does not hold."""
    from interfaces.bootstrap.stores import verify_audit
    from interfaces.settings import load_settings
    from interfaces.terminal.output import print_json

    report = verify_audit(load_settings())
    if json:
        print_json(report)
    elif report.ok:
        typer.echo(
            f"the audit log holds: {report.entries} entries, "
            f"{report.covered} of them vouched for by signed checkpoints ({report.checkpoints})"
        )
    else:
        typer.echo(f"the audit log does not hold: {report.problem}", err=True)
    raise typer.Exit(0 if report.ok else 1)


@app.command("show")
def show(
    start: Annotated[int, typer.Option(help="First sequence number.", min=0)] = 0,
    limit: Annotated[int, typer.Option(help="How many.", min=1, max=10_000)] = 50,
    json: Json = False,
) -> None:
    """Print entries in their order."""
    from interfaces.bootstrap.stores import audit_log
    from interfaces.settings import load_settings
    from interfaces.terminal.output import print_json, print_table

    entries = audit_log(load_settings()).entries(start=start, limit=limit)
    if json:
        print_json(entries)
        return
    rows = [
        (e.sequence, f"{e.recorded_at:%m-%d %H:%M:%S}", e.record.action, e.record.actor, e.record.subject)
        for e in entries
    ]
    print_table("audit", ("#", "at (UTC)", "action", "actor", "subject"), rows, empty="the log is empty")


@app.command("checkpoint")
def checkpoint() -> None:
    """Print a signed checkpoint (C2SP signed note) of the log as it is now."""
    from interfaces.bootstrap.stores import signed_checkpoint
    from interfaces.settings import load_settings

    typer.echo(signed_checkpoint(load_settings()), nl=False)


@app.command("export")
def export(
    output: Annotated[Path | None, typer.Option("--output", "-o", help="A file; stdout when not given.")] = None,
) -> None:
    """Write every entry as one line of JSON."""
    import sys

    import orjson

    from interfaces.bootstrap.stores import audit_log
    from interfaces.settings import load_settings
    from interfaces.terminal.output import plain

    entries = audit_log(load_settings()).entries()
    with output.open("wb") if output else sys.stdout.buffer as stream:
        for entry in entries:
            stream.write(orjson.dumps(plain(entry)) + b"\n")
    if output:
        typer.echo(f"{len(entries)} entries are in {output}")
