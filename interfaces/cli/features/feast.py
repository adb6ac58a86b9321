"""`vigia features import-feast`: what a Feast repository declares, as files of our catalog."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from interfaces.cli.options import Json


def import_feast(
    repository: Annotated[Path, typer.Argument(help="Where feature_store.yaml is.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="A directory for the catalog's files.")],
    tenant: Annotated[
        str | None, typer.Option(help="Whose data these are; the project's name when not given.", show_default=False)
    ] = None,
    json: Json = False,
) -> None:
    """Write the registry of a Feast repository as catalog files, for review, and say what is missing in them.

    Nothing of Feast's is changed; its files stay where they are and are read there. Then: vigia features plan.
    """
    from interfaces.terminal.output import print_json, print_text
    from platform_core.attached.feast.repository import read_repository
    from platform_core.catalog.writing import write_catalog

    imported = read_repository(repository, tenant=tenant)
    header = [f"Imported from the Feast project {imported.project!r}. Review:", *(f"- {n}" for n in imported.notes)]
    files = write_catalog(imported.catalog, output, header)
    if json:
        print_json({"project": imported.project, "files": [str(f) for f in files], "notes": imported.notes})
        return
    found = imported.catalog
    counts = f"{len(found.entities)} entities, {len(found.sources)} sources, {len(found.feature_views)} feature views"
    print_text(f"{imported.project}: {counts}, {len(found.feature_services)} feature services are in {output}")
    for note in imported.notes:
        print_text(f"  review: {note}")
