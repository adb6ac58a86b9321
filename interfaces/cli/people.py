"""`vigia principals …`: who may use this."""

from __future__ import annotations

from typing import Annotated

import typer

from interfaces.cli.options import Json

app = typer.Typer(help="The people who may look, decide and configure.", no_args_is_help=True)


@app.command("add")
def add(
    name: Annotated[str, typer.Argument(help="e.g. alice")],
    role: Annotated[list[str], typer.Option(help="viewer, responder, oncall, approver or admin; may be repeated.")],
    tenant: Annotated[list[str] | None, typer.Option(help="A tenant they act for; all of them when not given.")] = None,
    slack_user: Annotated[str | None, typer.Option(help="Their Slack user id, e.g. U02ABCDEF.")] = None,
    json: Json = False,
) -> None:
    """Add a person and print their API key, once: the file holds only its hash."""
    from interfaces.principals import add_principal
    from interfaces.settings import load_settings
    from interfaces.terminal.output import print_json

    key = add_principal(
        load_settings().principals_file, name=name, roles=role, tenants=tenant or ["*"], slack_user_id=slack_user
    )
    if json:
        print_json({"principal": f"human:{name}", "api_key": key})
    else:
        typer.echo(f"human:{name} was added; the API key is shown only now:\n{key}")


@app.command("list")
def show(json: Json = False) -> None:
    """List them."""
    from interfaces.principals import open_directory
    from interfaces.settings import load_settings
    from interfaces.terminal.output import print_json, print_table

    principals = list(open_directory(load_settings().principals_file))
    if json:
        print_json(principals)
        return
    rows = [(p.id, ",".join(sorted(p.roles)), ",".join(sorted(p.tenants)), p.slack_user_id or "-") for p in principals]
    print_table("principals", ("id", "roles", "tenants", "slack"), rows, empty="nobody yet: vigia principals add")
