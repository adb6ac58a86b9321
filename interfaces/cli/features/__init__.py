"""`vigia features …`: the feature store's own commands, one file for each part of it.

A file registers its commands in the list below; they come up in `--help` in that order.
"""

from __future__ import annotations

import typer

from interfaces.cli.features import materialization

app = typer.Typer(help="The feature store: its catalog, its values, its jobs.", no_args_is_help=True)


@app.callback()
def _features() -> None:
    """The feature store: its catalog, its values, its jobs."""


app.command("materialize")(materialization.materialize)
app.command("backfill")(materialization.backfill)
app.command("runs")(materialization.show_runs)
