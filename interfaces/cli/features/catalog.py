"""`vigia features plan|apply|list|search|describe|card`: what there is, what would change, and who reads it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from interfaces.cli.options import ApiKey, Json, KeyFile, person_key

CHANGES = 3
"""Exit code of `plan --exit-code` when there is something to apply."""

Directory = Annotated[
    Path | None, typer.Argument(help="Catalog files; VIGIA__CATALOG_PATH when not given.", show_default=False)
]
Files = Annotated[
    Path | None, typer.Option("--files", help="Look in these files instead of the catalog in force.", metavar="DIR")
]


def plan(
    directory: Directory = None,
    exit_code: Annotated[bool, typer.Option("--exit-code", help="Exit with 3 when there are changes.")] = False,
    json: Json = False,
) -> None:
    """Show what applying the files would change and who reads what changes.

    Exit codes: 0 it could be applied (with --exit-code: there is nothing to apply), 1 it would be refused because
    models in production read what it takes away, 2 the files are wrong, 3 with --exit-code: there are changes.
    """
    from interfaces.bootstrap.catalog import plan_catalog
    from interfaces.settings import load_settings
    from interfaces.terminal.catalog import print_plan
    from interfaces.terminal.output import print_json

    planned = plan_catalog(load_settings(), directory)
    if json:
        print_json(planned)
    else:
        print_plan(planned)
    if planned.refusals:
        raise typer.Exit(1)
    raise typer.Exit(CHANGES if exit_code and planned.changes else 0)


def apply(
    directory: Directory = None,
    base: Annotated[int | None, typer.Option(help="Refuse unless this version is in force.", min=0)] = None,
    digest: Annotated[
        str | None, typer.Option(help="Refuse unless the files have the digest that was planned.")
    ] = None,
    *,
    api_key: ApiKey = None,
    key_file: KeyFile = None,
    json: Json = False,
) -> None:
    """Put the files in force as a new version, as the person whose key it is (role admin); nothing when unchanged."""
    from interfaces.bootstrap.catalog import apply_catalog
    from interfaces.settings import load_settings
    from interfaces.terminal.catalog import print_plan
    from interfaces.terminal.output import print_json

    key = person_key(api_key, key_file, "a catalog")
    applied = apply_catalog(load_settings(), directory, api_key=key, base_version=base, reviewed=digest)
    if json:
        print_json(applied)
    else:
        print_plan(applied, applied=True)


def show_all(
    kind: Annotated[str | None, typer.Option(help="entity, source, feature_view, feature or feature_service.")] = None,
    files: Files = None,
    json: Json = False,
) -> None:
    """List what is in the catalog."""
    from typing import get_args

    from foundation.errors import InvalidInput
    from interfaces.bootstrap.catalog import catalog_here
    from interfaces.settings import load_settings
    from platform_core.catalog.search import EntryKind, entries

    if kind is not None and kind not in get_args(EntryKind):
        raise InvalidInput(f"{kind!r} is not a kind", hint=f"one of {', '.join(get_args(EntryKind))}")
    found = [e for e in entries(catalog_here(load_settings(), files)) if kind in (None, e.kind)]
    _print_entries("catalog", found, json=json, empty="the catalog holds none")


def find(
    query: Annotated[str, typer.Argument(help="Words, e.g. 'amount card'.")],
    limit: Annotated[int, typer.Option(min=1, max=1000)] = 20,
    files: Files = None,
    json: Json = False,
) -> None:
    """Search names, descriptions, owners, columns and tenants; the best comes first."""
    from interfaces.bootstrap.catalog import catalog_here
    from interfaces.settings import load_settings
    from platform_core.catalog.search import search

    found = search(catalog_here(load_settings(), files), query, limit=limit)
    _print_entries(f"found for {query!r}", found, json=json, empty=f"nothing is found for {query!r}")


def describe(
    name: Annotated[str, typer.Argument(help="e.g. card_velocity, source:payments_br or card_velocity:tx_count_1h")],
    files: Files = None,
    json: Json = False,
) -> None:
    """Show everything that is declared about one thing."""
    from interfaces.bootstrap.catalog import catalog_here
    from interfaces.settings import load_settings
    from interfaces.terminal.catalog import print_item
    from interfaces.terminal.output import print_json
    from platform_core.catalog.search import find as find_item

    item = find_item(catalog_here(load_settings(), files), name)
    if json:
        print_json(item)
    else:
        print_item(item)


def card(
    name: Annotated[str, typer.Argument(help="A feature view or a feature service.")],
    output: Annotated[Path | None, typer.Option("--output", "-o", help="A file; stdout when not given.")] = None,
    live: Annotated[
        bool | None,
        typer.Option("--live/--declared", help="Say how its values are now, too. [default: with an API key]"),
    ] = None,
    *,
    api_key: ApiKey = None,
    key_file: KeyFile = None,
    json: Json = False,
) -> None:
    """Write a page of Markdown about a view or a service: owner, promises, schema, lineage; for those with an API key
    also how it is now, of the tenants they may see."""
    from interfaces.bootstrap.catalog import card as make_card
    from interfaces.settings import load_settings
    from interfaces.terminal.output import print_json, print_text

    wanted = live is True or (live is None and bool(api_key or key_file))
    key = person_key(api_key, key_file, "how values are now") if wanted else None
    page = make_card(load_settings(), name, api_key=key)
    if output is not None:
        output.write_text(page, encoding="utf-8")
        typer.echo(f"the card of {name} is in {output}")
    elif json:
        print_json({"name": name, "markdown": page})
    else:
        print_text(page.rstrip("\n"))


def _print_entries(title: str, found: Sequence[object], *, json: bool, empty: str) -> None:
    from interfaces.terminal.output import plain, print_json, print_table

    rows = [plain(entry) for entry in found]
    if json:
        print_json([{key: value for key, value in row.items() if key != "text"} for row in rows])
        return
    columns = ("kind", "name", "owner", "pii", "description")
    print_table(title, columns, [[row[c] for c in columns] for row in rows], empty=empty)
