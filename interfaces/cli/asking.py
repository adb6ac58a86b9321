"""`vigia ask`, `vigia health report`."""

from __future__ import annotations

from typing import Annotated

import typer

from interfaces.cli.options import ApiKey, Json

health = typer.Typer(help="The platform's and the copilot's own health.", no_args_is_help=True)


def ask(
    question: Annotated[str, typer.Argument(help="e.g. 'how fresh is card_velocity in br?'")],
    api_key: ApiKey = None,
    json: Json = False,
) -> None:
    """Ask about the platform; the answer comes from the same tools that investigate incidents."""
    from interfaces.bootstrap.chat import answer_question
    from interfaces.settings import load_settings
    from interfaces.terminal.output import print_json, print_text

    answer = answer_question(load_settings(), question, api_key=api_key)
    if json:
        print_json(answer)
    else:
        print_text(answer.text)


@health.callback()
def _health() -> None:
    """The platform's and the copilot's own health."""


@health.command("report")
def report(json: Json = False) -> None:
    """Write the health report and print where it is; exit code 1 when something failed or could not be checked."""
    from interfaces.bootstrap.health import write_health_report
    from interfaces.settings import load_settings
    from interfaces.terminal.output import print_json, print_text

    content, markdown, path = write_health_report(load_settings())
    if json:
        print_json(content)
    else:
        print_text(markdown)
        typer.echo(f"\nwritten to {path}", err=True)
    if content.verdict in ("failed", "incomplete"):
        raise typer.Exit(1)
