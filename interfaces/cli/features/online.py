"""`vigia features get`: what the online store holds for an entity."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated

import typer

from interfaces.cli.options import ApiKey, Json, KeyFile, person_key


def get(  # noqa: PLR0917  typer's own way to say options
    features: Annotated[list[str], typer.Argument(help="A feature service, or view:feature, as many as you like.")],
    entity: Annotated[
        list[str],
        typer.Option("--entity", "-e", help="A join key or entity and its value: card=c1.", metavar="KEY=VALUE"),
    ],
    tenant: Annotated[str | None, typer.Option(help="Whose values; needed where you may see several.")] = None,
    api_key: ApiKey = None,
    key_file: KeyFile = None,
    json: Json = False,
) -> None:
    """The online values of an entity now, with their status and the time of their event."""
    from interfaces.bootstrap.features import online_features
    from interfaces.settings import load_settings
    from interfaces.terminal.output import print_json, print_table

    key = person_key(api_key, key_file, "reading features")
    asked = features[0] if len(features) == 1 else features
    found = online_features(load_settings(), key, asked, _entity(entity), tenant)
    if json:
        print_json(found.to_document())
        return
    times = {view: moments[0] for view, moments in found.event_times.items()}
    rows = [
        (
            name,
            "" if found.values[name][0] is None else found.values[name][0],
            found.statuses[name][0],
            _age(times, name),
        )
        for name in found.names
    ]
    print_table(f"online, tenant {found.tenant}", ("feature", "value", "status", "event time"), rows, empty="nothing")


def _entity(given: list[str]) -> dict[str, object]:
    from foundation.errors import InvalidInput

    row: dict[str, object] = {}
    for pair in given:
        name, equals, value = pair.partition("=")
        if not equals or not name:
            raise InvalidInput(f"--entity {pair!r} is not KEY=VALUE", hint="e.g. --entity card_id=c1")
        row[name] = value
    return row


def _age(times: Mapping[str, datetime | None], name: str) -> str:
    moment = times.get(name.partition("__")[0])
    return "" if moment is None else f"{moment:%Y-%m-%d %H:%M:%S} UTC"
