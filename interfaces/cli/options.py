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


def person_key(api_key: str | None, key_file: Path | None, what: str) -> str:
    """The API key that was given either way. Raises InvalidInput: `what` needs a person."""
    from foundation.errors import InvalidInput

    key = key_file.read_text(encoding="utf-8").strip() if key_file else api_key
    if not key:
        raise InvalidInput(f"{what} needs a person", hint="set VIGIA_API_KEY, or use --key-file")
    return key
