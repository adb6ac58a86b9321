"""Writes a migration: `python -m migrations.revise "message"`.

Compares the tables modules with a SQLite database that has every migration so far. Read what it wrote before
committing it: renames, data and triggers are not seen by a comparison.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from alembic import command

from foundation.database import open_database, transaction
from migrations.upgrade import alembic_config, upgrade_database

VERSIONS = Path(__file__).parent / "versions"


def main(message: str) -> None:
    number = f"{len(list(VERSIONS.glob('[0-9]*.py'))) + 1:04d}"
    with tempfile.TemporaryDirectory() as directory:
        url = f"sqlite:///{Path(directory) / 'compare.db'}"
        upgrade_database(url)
        engine = open_database(url)
        with transaction(engine) as connection:
            command.revision(alembic_config(connection), message, autogenerate=True, rev_id=number)
        engine.dispose()


if __name__ == "__main__":
    main(sys.argv[1])
