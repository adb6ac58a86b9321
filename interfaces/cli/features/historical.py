"""`vigia features historical`: features as they were at past moments, from a file of entity rows."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from foundation.errors import InvalidInput
from interfaces.cli.options import ApiKey, Json, KeyFile, person_key

if TYPE_CHECKING:
    from platform_core.features.historical_files import Report


class AsOf(StrEnum):
    event = "event"
    created = "created"


def historical(
    service: Annotated[str, typer.Argument(help="A feature service, or features: view:feature,view:feature")],
    *,
    entities: Annotated[
        Path,
        typer.Option(help="Entity rows: .parquet, .csv, .arrow or .jsonl with event_timestamp, tenant and join keys."),
    ],
    out: Annotated[
        Path, typer.Option("--out", "-o", help="Where they go with their features: .parquet, .csv, .arrow.")
    ],
    as_of: Annotated[
        AsOf, typer.Option(help="event: as corrected since. created: only what was known at each moment.")
    ] = AsOf.event,
    tenant: Annotated[str | None, typer.Option(help="Of all rows, when they have no column for it.")] = None,
    short_names: Annotated[bool, typer.Option("--short-names", help="Columns feature, not view__feature.")] = False,
    statuses: Annotated[bool, typer.Option("--statuses", help="Add whether each is present, null, …")] = False,
    api_key: ApiKey = None,
    key_file: KeyFile = None,
    json: Json = False,
) -> None:
    """Join features to past moments, each as it was visible then (docs/point-in-time.md), for tenants you may see."""
    from interfaces.bootstrap.features import TenantReader
    from interfaces.bootstrap.foundations import open_foundations
    from interfaces.bootstrap.platform import catalog_in_force, feature_tables, tenants_of
    from interfaces.settings import load_settings
    from interfaces.terminal.output import print_json
    from platform_core.features.historical_files import historical_file
    from platform_core.features.retrieval import unknown_tenant

    if out.exists() and entities.exists() and out.samefile(entities):
        raise InvalidInput(f"--out is the file of the entity rows, {entities}", hint="write to another one")
    settings, key = load_settings(), person_key(api_key, key_file, "reading features")
    base = open_foundations(settings)
    catalog, reader = catalog_in_force(base), TenantReader(base, key)
    known = tenants_of(catalog)

    def allowed(asked: str) -> None:
        reader.require(asked, features=service[:1000], past=True)
        if asked == tenant and asked not in known:
            raise unknown_tenant(asked, known, reader.principal)

    with _progress(quiet=json) as report:
        written = historical_file(
            feature_tables(settings, catalog),
            catalog,
            service.split(",") if ":" in service else service,
            entities,
            out,
            as_of=as_of.value,
            tenant=tenant,
            full_names=not short_names,
            statuses=statuses,
            report=report,
            allowed=allowed,
        )
    if json:
        print_json(written)
        return
    typer.echo(f"{written.rows:,} rows with {len(written.columns)} columns are in {written.path}")
    for view, rows in written.rows_from_the_future.items():
        if rows:
            typer.echo(f"  {view}: {rows:,} rows from the future were left out (their clock ran ahead)")


@contextmanager
def _progress(quiet: bool) -> Generator[Report]:
    """What is being read, on stderr, while it is a terminal."""
    from rich.console import Console

    console = Console(stderr=True)
    if quiet or not console.is_terminal:
        yield lambda view, rows, done: None
        return
    with console.status("reading …") as status:

        def report(view: str, rows: int, done: int) -> None:
            before = f", {done:,} entity rows done" if done else ""
            status.update(f"{view}: {rows:,} rows of history{before}")

        yield report
