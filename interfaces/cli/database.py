"""`vigia database …`: the schema of the metadata database."""

from __future__ import annotations

import typer

from interfaces.cli.options import Json

app = typer.Typer(help="The metadata database.", no_args_is_help=True)


@app.callback()
def _database() -> None:
    """The metadata database."""


@app.command("upgrade")
def upgrade(json: Json = False) -> None:
    """Bring the schema to the newest revision."""
    from interfaces.directories import make_directory
    from interfaces.settings import load_settings
    from interfaces.terminal.output import print_json
    from migrations.upgrade import upgrade_database

    settings = load_settings()
    make_directory(settings.data_dir, "VIGIA__DATA_DIR")
    before, after = upgrade_database(settings.database_url)
    if json:
        print_json({"before": before, "after": after})
    elif before == after:
        typer.echo(f"the schema is at {after} already")
    else:
        typer.echo(f"the schema went from {before or 'nothing'} to {after}")
