"""`vigia models train|reproduce|track|remote`."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from interfaces.cli.features import moments
from interfaces.cli.options import ApiKey, Json, KeyFile

app = typer.Typer()

Name = Annotated[str, typer.Argument(help="Of the model, e.g. fraud_score.")]
_TIMES = ["%Y-%m-%dT%H:%M:%SZ", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d"]


@app.command("train")
def train(
    plan: Annotated[Path, typer.Argument(help="A YAML file: feature service, label, window, estimator, seed, …")],
    *,
    start: Annotated[datetime | None, typer.Option(formats=_TIMES, help="Of the window, in UTC; the plan's.")] = None,
    end: Annotated[datetime | None, typer.Option(formats=_TIMES, help="Of the window, in UTC; the plan's.")] = None,
    api_key: ApiKey = None,
    key_file: KeyFile = None,
    json: Json = False,
) -> None:
    """Train by a plan and register the model as the next version, in stage dev."""
    from interfaces.bootstrap.training import train_model
    from interfaces.settings import load_settings
    from interfaces.terminal.output import print_json, print_text
    from interfaces.terminal.progress import steps_progress

    key = key_file.read_text(encoding="utf-8").strip() if key_file else api_key
    with steps_progress(shown=not json) as tell:
        version, tracking = train_model(
            load_settings(),
            plan,
            start=_utc(start),
            end=_utc(end),
            api_key=key,
            account=moments.person(),
            tell=tell,
        )
    if json:
        print_json({"version": version, "tracking": tracking})
        return
    signature, name, number = version.signature, version.name, version.version
    print_text(f"{name} version {number} is registered in {version.stage}, of {signature.rows:,} labelled payments:")
    print_text("  " + ", ".join(f"{metric} {value:.4g}" for metric, value in signature.metrics.items()))
    print_text(f"  declining is cheapest from a score of {signature.decline_threshold:.4g} on")
    print_text(f"its card: vigia models show {name} --version {number}")
    print_text(f"next: vigia models gate {name} {number} --to staging")
    _say_untracked(tracking.problem, version.name, version.version)


@app.command("reproduce")
def reproduce(name: Name, version: Annotated[str, typer.Argument()], json: Json = False) -> None:
    """Train a version again from its plan and the tables as they were then; fails when any file is not the same."""
    from interfaces.bootstrap.training import reproduce as again
    from interfaces.settings import load_settings
    from interfaces.terminal.output import print_json, print_text
    from interfaces.terminal.progress import steps_progress

    with steps_progress(shown=not json) as tell:
        found = again(load_settings(), name, version, tell=tell)
    if json:
        print_json(found)
    elif found.same:
        print_text(f"{name} version {version}: the same bytes in {', '.join(found.compared)}")
    else:
        weights = "the weights are the same, but " if found.weights_same else ""
        print_text(f"{name} version {version}: {weights}{len(found.files)} files are not")
        for one in found.files:
            print_text(f"  {one.file}: {one.said}")
        if found.differences:
            print_text(f"other than then: {', '.join(found.differences)}")
    raise typer.Exit(0 if found.same else 1)


@app.command("track")
def track(
    name: Name,
    version: Annotated[str | None, typer.Argument(help="All that the tracker was not told of by default.")] = None,
    json: Json = False,
) -> None:
    """Tell the experiment tracker (MLflow, or files) of versions, and which of them are in what stage."""
    from interfaces.bootstrap.training import send_to_tracker
    from interfaces.settings import load_settings
    from interfaces.terminal.output import print_json, print_table

    sent = send_to_tracker(load_settings(), name, version)
    if json:
        print_json(sent)
    else:
        rows = [(t.version, t.tracker, t.run_id, t.remote_version, t.problem) for t in sent]
        print_table(name, ("version", "tracker", "run", "its version", "problem"), rows, empty="nothing is pending")
    raise typer.Exit(1 if any(t.problem for t in sent) else 0)


@app.command("remote")
def remote(
    name: Annotated[str | None, typer.Argument(help="Of a model; all of them by default.")] = None, json: Json = False
) -> None:
    """List what the experiment tracker has, whoever logged it. Metadata only: no weights are read."""
    from interfaces.bootstrap.training import remote_versions
    from interfaces.settings import load_settings
    from interfaces.terminal.output import print_json, print_table

    found = remote_versions(load_settings(), name)
    if json:
        print_json(found)
        return
    rows = [
        (
            v.name,
            v.version,
            v.ours or "not ours",
            ", ".join(v.aliases),
            v.metrics.get("auc"),
            f"{v.created_at:%Y-%m-%d %H:%M}",
        )
        for v in found
    ]
    print_table("tracker", ("model", "version", "here", "aliases", "AUC", "at (UTC)"), rows, empty="it has no models")


def _utc(value: datetime | None) -> datetime | None:
    return None if value is None else value.replace(tzinfo=UTC)


def _say_untracked(problem: str | None, name: str, version: str) -> None:
    from interfaces.terminal.safety import safe_text

    if problem is not None:
        typer.echo(safe_text(f"not tracked: {problem}\n  hint: vigia models track {name} {version}"), err=True)
