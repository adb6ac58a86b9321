"""`vigia incidents …`."""

from __future__ import annotations

from typing import Annotated

import typer

from interfaces.cli.options import ApiKey, Json, KeyFile, maybe_key

app = typer.Typer(help="What broke, and what came of it.", no_args_is_help=True)


@app.command("list")
def show_all(
    status: Annotated[str | None, typer.Option(help="Only these, e.g. awaiting_approval.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="At most so many, the newest.")] = 100,
    json: Json = False,
) -> None:
    """List the incidents, newest first."""
    from agents.incident.types import IncidentStatus, known_status
    from interfaces.bootstrap.stores import incident_store
    from interfaces.settings import load_settings
    from interfaces.terminal.output import print_json, print_table

    wanted: list[IncidentStatus] | None = None if status is None else [known_status(status)]
    settings = load_settings()
    found = incident_store(settings).list(statuses=wanted, limit=limit)
    if json:
        print_json(found)
        return
    rows = [(i.label, i.severity, i.status, i.tenant or "all", f"{i.opened_at:%Y-%m-%d %H:%M}", i.title) for i in found]
    print_table(
        "incidents",
        ("", "severity", "status", "tenant", "opened (UTC)", ""),
        rows,
        empty=f"no incident{f' is {wanted[0]}' if wanted else ''} in {settings.database_name}"
        + ("" if wanted else ": alerts come in through `vigia serve`"),
    )


@app.command("show")
def show(
    incident: Annotated[str, typer.Argument(help="INC-0042, 42 or the incident's id.")],
    api_key: ApiKey = None,
    key_file: KeyFile = None,
    json: Json = False,
) -> None:
    """Show the card of one incident; with an API key, as its person may see it."""
    from interfaces.bootstrap.stores import card_of
    from interfaces.settings import load_settings
    from interfaces.terminal.output import print_json

    card = card_of(load_settings(), incident, maybe_key(api_key, key_file))
    if json:
        print_json(card)
        return
    from rich.console import Console

    from interfaces.terminal.card import render_card

    Console().print(render_card(card))
