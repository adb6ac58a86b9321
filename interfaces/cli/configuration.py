"""`vigia config check` and `vigia policy explain`."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import typer

from interfaces.cli.options import Json

config = typer.Typer(help="The settings.", no_args_is_help=True)
policy = typer.Typer(help="What may be done, and who must agree.", no_args_is_help=True)


@config.callback()
def _config() -> None:
    """The settings."""


@config.command("check")
def check(json: Json = False) -> None:
    """Print every setting and where it came from, secrets masked; say what is wrong and how to mend it."""
    from interfaces.settings.report import config_report
    from interfaces.terminal.output import print_json, print_table

    report = config_report()
    if json:
        print_json(report)
    else:
        rows = [(line.name, line.value if line.value is not None else "-", line.origin) for line in report.settings]
        if rows:
            print_table("settings", ("setting", "value", "from"), rows, empty="")
        for warning in report.warnings:
            typer.echo(f"note: {warning}")
        for problem in report.problems:
            typer.echo(f"problem: {problem}", err=True)
        if report.ok:
            typer.echo("the settings are usable")
    raise typer.Exit(0 if report.ok else 2)


@policy.callback()
def _policy() -> None:
    """What may be done, and who must agree."""


@policy.command("explain")
def explain(  # noqa: PLR0917 - one per option
    tool: Annotated[str, typer.Argument(help="An act tool, e.g. quarantine_source.")],
    environment: Annotated[str, typer.Option(help="dev, staging or production.")] = "production",
    tenant: Annotated[str | None, typer.Option(help="The tenant the action is for.")] = None,
    endpoints: Annotated[int, typer.Option(help="How many endpoints lie downstream.", min=0)] = 0,
    requester_role: Annotated[list[str] | None, typer.Option(help="A role of who asks; may be repeated.")] = None,
    at: Annotated[datetime | None, typer.Option(help="When, in UTC; now when not given.")] = None,
    break_glass: Annotated[bool, typer.Option("--break-glass", help="As if the glass were broken.")] = False,
    json: Json = False,
) -> None:
    """Say how the policy judges an action: which rule decided, and why the others did not."""
    from datetime import UTC

    from interfaces.bootstrap.governance import explain_policy
    from interfaces.settings import load_settings
    from interfaces.terminal.output import print_json, print_table

    explained = explain_policy(
        load_settings(),
        tool=tool,
        environment=environment,
        tenant=tenant,
        endpoints=endpoints,
        roles=frozenset(requester_role or ()),
        at=at.replace(tzinfo=UTC) if at is not None else None,
        break_glass=break_glass,
    )
    if json:
        print_json(explained)
        return
    typer.echo(f"{explained.effect}: rule {explained.rule!r}: {explained.reason}")
    if explained.effect == "require_approval":
        who = ", ".join(sorted(explained.approver_ids or explained.approver_roles))
        typer.echo(f"approvals needed: {explained.approvers_needed} of {who}")
    rows = [(item.kind, item.name, item.outcome, item.why) for item in explained.considered]
    print_table("considered", ("kind", "name", "outcome", "why"), rows, empty="the policy says nothing at all")
