"""`vigia`: the command line's entry point and how it ends.

Exit codes: 0 as it should be, 1 something failed, 2 the invocation or its input was wrong, 130 interrupted.
"""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from foundation.errors import InvalidInput, VigiaError
from interfaces.cli import (
    approvals,
    asking,
    audit,
    configuration,
    database,
    features,
    governance,
    incidents,
    kill_switch,
    models,
    people,
    processes,
    redaction,
    story,
)

app = typer.Typer(
    name="vigia",
    help="The on-call copilot for ML platforms: evidence, ranked causes, approved and audited actions.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

app.command("demo")(story.demo)
app.command("serve")(processes.serve)
app.command("worker")(processes.worker)
app.command("ask")(asking.ask)
app.add_typer(redaction.app, name="redact")
app.add_typer(processes.platform, name="platform")
app.add_typer(incidents.app, name="incidents")
app.add_typer(approvals.app, name="approvals")
app.add_typer(kill_switch.app, name="kill-switch")
app.add_typer(audit.app, name="audit")
app.add_typer(features.app, name="features")
app.add_typer(asking.health, name="health")
app.add_typer(configuration.policy, name="policy")
app.add_typer(governance.budgets, name="budgets")
app.add_typer(governance.break_glass, name="break-glass")
app.add_typer(governance.delegations, name="delegations")
app.add_typer(configuration.config, name="config")
app.add_typer(models.app, name="models")
app.add_typer(people.app, name="principals")
app.add_typer(database.app, name="database")


def _version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(f"vigia {version('vigia')}")
        raise typer.Exit


@app.callback()
def root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """The on-call copilot for ML platforms."""


def main() -> None:
    """Runs a command; an error we raised on purpose is one line, never a traceback."""
    try:
        app()
    except VigiaError as error:
        from interfaces.terminal.safety import safe_text

        hint = f"\n  hint: {error.hint}" if error.hint else ""
        typer.echo(safe_text(f"vigia: {error.message}{hint}"), err=True)
        sys.exit(2 if isinstance(error, InvalidInput) else 1)
    except KeyboardInterrupt:
        sys.exit(130)
