"""`vigia`: the command line's entry point and how it ends.

Exit codes: 0 as it should be, 1 something failed, 2 the invocation or its input was wrong, 130 interrupted.
"""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from typing import Annotated

import typer

from foundation.errors import InvalidInput, VigiaError
from interfaces.cli import (
    approvals,
    asking,
    attached,
    audit,
    configuration,
    database,
    features,
    governance,
    incidents,
    kill_switch,
    models,
    operations,
    people,
    processes,
    redaction,
    rollouts,
    story,
)

app = typer.Typer(
    name="vigia",
    help="The on-call copilot for ML platforms: evidence, ranked causes, approved and audited actions.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # a usage error is plain lines, not a box
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
app.add_typer(rollouts.app, name="rollouts")
app.add_typer(people.app, name="principals")
app.add_typer(database.app, name="database")
app.add_typer(attached.app, name="attached")
app.command("timeline")(operations.timeline)
app.command("jobs")(operations.jobs)
app.command("usage")(operations.usage)


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
    """Runs a command; what goes wrong is one line and a hint, never a traceback."""
    os.umask(0o077)  # what is written here (incidents, keys, personal data) is for this account's eyes only
    try:
        app()
    except VigiaError as error:
        _say(error.message, error.hint)
        sys.exit(2 if isinstance(error, InvalidInput) else 1)
    except KeyboardInterrupt:
        sys.exit(130)
    except UnicodeDecodeError as error:
        _say(f"a file is not UTF-8 text: {error.reason}", None)
        sys.exit(2)
    except OSError as error:
        _say(f"{error.filename}: {error.strerror}" if error.filename else str(error), None)
        sys.exit(1)


def _say(message: str, hint: str | None) -> None:
    """What failed may repeat a line of a file, or what was typed, and it ends in the logs of pipelines: redacted."""
    from foundation.outside_text import OutsideText
    from interfaces.bootstrap.unkept import unkept_redaction
    from interfaces.terminal.safety import safe_text

    text = safe_text(f"vigia: {message}" + (f"\n  hint: {hint}" if hint else ""))
    with suppress(OSError):  # the terminal may be closed
        typer.echo(OutsideText(unkept_redaction().redact).text(text), err=True)
