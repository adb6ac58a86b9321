"""Options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Json = Annotated[bool, typer.Option("--json", help="Print JSON for programs instead of text for people.")]

ApiKey = Annotated[
    str | None,
    typer.Option("--api-key", envvar="VIGIA_API_KEY", help="Whose decision it is.", show_envvar=True, metavar="KEY"),
]
KeyFile = Annotated[
    Path | None, typer.Option("--key-file", help="A file that holds the API key.", exists=True, dir_okay=False)
]
