"""`vigia models …`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from interfaces.cli import models_artifacts, models_gates, models_performance, models_training
from interfaces.cli.options import Json

app = typer.Typer(help="Registered models, and scores of whole data sets.", no_args_is_help=True)
app.add_typer(models_artifacts.app)
app.add_typer(models_gates.app)
app.add_typer(models_performance.app)
app.add_typer(models_training.app)

Name = Annotated[str, typer.Argument(help="Of the model, e.g. fraud_score.")]
Version = Annotated[str | None, typer.Option(help="The newest in production by default.", metavar="N")]


@app.command("list")
def show_all(
    name: Annotated[str | None, typer.Argument(help="Of the model, e.g. fraud_score; all when not given.")] = None,
    json: Json = False,
) -> None:
    """List the models and their versions with their stages, oldest first."""
    from interfaces.bootstrap.models import model_registry, versions_of
    from interfaces.settings import load_settings
    from interfaces.terminal.output import print_json, print_table

    versions = versions_of(model_registry(load_settings()), name)
    if json:
        print_json(versions)
        return
    rows = [
        (
            v.name,
            v.version,
            v.stage,
            f"{v.created_at:%Y-%m-%d %H:%M}",
            v.created_by,
            v.signature.rows,
            v.signature.metrics.get("auc"),
        )
        for v in versions
    ]
    columns = ("model", "version", "stage", "registered (UTC)", "by", "rows", "AUC")
    print_table(name or "models", columns, rows, empty="no model is registered yet: vigia models train")


@app.command("show")
def show(name: Name, version: Version = None, json: Json = False) -> None:
    """Show the model card of a version; with --json all that is registered of it."""
    from interfaces.bootstrap.models import model_registry, version_in_use
    from interfaces.settings import load_settings
    from interfaces.terminal.output import print_json, print_text

    registry = model_registry(load_settings())
    found = registry.get(name, version) if version else version_in_use(registry, name)
    if json:
        print_json(found)
        return
    print_text(registry.card(name, found.version))


@app.command("score")
def score(
    name: Name,
    source: Annotated[Path, typer.Argument(help="A Parquet file, a directory of them, or a Delta table.")],
    *,
    out: Annotated[Path, typer.Option(help="A directory for the scores; give the same again to resume.")],
    version: Version = None,
    join: Annotated[
        bool, typer.Option("--join", help="Take store features as of each row's event_timestamp, tenant and keys.")
    ] = False,
    attributions: Annotated[bool, typer.Option("--shap", help="Add exact SHAP values, one column each.")] = False,
    threads: Annotated[int, typer.Option(help="0 is all cores.", min=0)] = 0,
    chunk_rows: Annotated[int, typer.Option(help="Rows held in memory at once.", min=1)] = 100_000,
    json: Json = False,
) -> None:
    """Score every row of a data set in bounded memory; a run that was stopped goes on where it was."""
    from interfaces.bootstrap.models import score_data_set
    from interfaces.settings import load_settings
    from interfaces.terminal.output import print_json, print_text
    from interfaces.terminal.progress import rows_progress

    with rows_progress(f"scoring with {name}") as progress:
        report = score_data_set(
            load_settings(),
            name,
            version,
            source,
            out,
            join=join,
            attributions=attributions,
            threads=threads,
            chunk_rows=chunk_rows,
            progress=progress,
        )
    if json:
        print_json(report)
        return
    resumed = f", {report.resumed:,} of them by an earlier run" if report.resumed else ""
    print_text(
        f"{report.rows:,} rows scored with {name} version {report.manifest.version}{resumed}: "
        f"{report.declined:,} declined now; {report.parts} files in {report.out}"
    )
