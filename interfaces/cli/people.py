"""`vigia principals …`: who may use this."""

from __future__ import annotations

import os
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, TextIO

import typer

from interfaces.cli.options import Json

app = typer.Typer(help="The people who may look, decide and configure.", no_args_is_help=True)


@app.command("add")
def add(
    name: Annotated[str, typer.Argument(help="e.g. alice")],
    role: Annotated[list[str], typer.Option(help="viewer, responder, oncall, approver or admin; may be repeated.")],
    tenant: Annotated[list[str], typer.Option(help="A tenant they act for, or '*' for all; may be repeated.")],
    slack_user: Annotated[str | None, typer.Option(help="Their Slack user id, e.g. U02ABCDEF.")] = None,
    *,
    key_file: Annotated[
        Path | None, typer.Option(help="Write the key to this new file, for its owner only, instead of printing it.")
    ] = None,
    json: Json = False,
) -> None:
    """Add a person and print their API key, once: the file of people holds only its hash."""
    from interfaces.principals import add_principal
    from interfaces.settings import load_settings
    from interfaces.terminal.output import print_json

    people = load_settings().principals_file
    with _new_file(key_file) as written:
        key = add_principal(people, name=name, roles=role, tenants=tenant, slack_user_id=slack_user)
        if written is not None:
            written.write(f"{key}\n")
    if json:
        print_json({"principal": f"human:{name}"} | ({} if key_file else {"api_key": key}))
    elif key_file is not None:
        typer.echo(f"human:{name} was added; the API key is in {key_file}")
    else:
        typer.echo(f"human:{name} was added; the API key is shown only now:\n{key}")


@contextmanager
def _new_file(path: Path | None) -> Generator[TextIO | None]:
    """Opened before anybody is added, for its owner only, and taken away again when that fails."""
    from foundation.errors import Conflict

    if path is None:
        yield None
        return
    try:
        file = os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8")
    except FileExistsError as error:
        raise Conflict(f"{path} is there already", hint="choose another file for the key") from error
    try:
        with file:
            yield file
    except BaseException:
        path.unlink(missing_ok=True)
        raise


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
