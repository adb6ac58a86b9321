"""`vigia features …`: the feature store's own commands, one file for each part of it.

A file registers its commands in the list below; they come up in `--help` in that order.
"""

from __future__ import annotations

import typer

from interfaces.cli.features import budgets, catalog, feast, historical, materialization, online, screening

app = typer.Typer(help="The feature store: its catalog, its values, its jobs.", no_args_is_help=True)

app.command("plan")(catalog.plan)
app.command("apply")(catalog.apply)
app.command("list")(catalog.show_all)
app.command("search")(catalog.find)
app.command("describe")(catalog.describe)
app.command("card")(catalog.card)
app.command("import-feast")(feast.import_feast)
app.command("materialize")(materialization.materialize)
app.command("backfill")(materialization.backfill)
app.command("runs")(materialization.show_runs)
app.command("screen")(screening.screen)
app.command("budgets")(budgets.budgets)
app.command("get")(online.get)
app.command("historical")(historical.historical)


@app.callback()
def _features() -> None:
    """The feature store: its catalog, its values, its jobs."""
