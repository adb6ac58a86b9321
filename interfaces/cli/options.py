"""Options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from interfaces.settings import Settings
    from platform_core.access.principals import Principal

Json = Annotated[bool, typer.Option("--json", help="Print JSON for programs instead of text for people.")]


def _not_in_arguments(context: typer.Context, option: typer.CallbackParam, value: str | None) -> str | None:
    """Anybody on the machine can read what a process was started with, and shells keep it."""
    source = context.get_parameter_source(option.name or "")
    if source is not None and source.name == "COMMANDLINE":
        raise typer.BadParameter("a key given here can be read by others; set VIGIA_API_KEY, or use --key-file")
    return value


ApiKey = Annotated[
    str | None, typer.Option("--api-key", envvar="VIGIA_API_KEY", hidden=True, callback=_not_in_arguments)
]
KeyFile = Annotated[
    Path | None,
    typer.Option("--key-file", help="A file with your API key, if not VIGIA_API_KEY.", exists=True, dir_okay=False),
]


def maybe_key(api_key: str | None, key_file: Path | None) -> str | None:
    """The API key that was given either way, if any."""
    return key_file.read_text(encoding="utf-8").strip() if key_file else api_key


def person_key(api_key: str | None, key_file: Path | None, what: str) -> str:
    """The API key that was given either way. Raises InvalidInput: `what` needs a person."""
    from foundation.errors import InvalidInput

    key = maybe_key(api_key, key_file)
    if not key:
        raise InvalidInput(f"{what} needs a person", hint="set VIGIA_API_KEY, or use --key-file")
    return key


def acting(api_key: str | None, key_file: Path | None, what: str) -> tuple[Settings, Principal]:
    """The settings, and whose API key was given. Raises InvalidInput where none was, Unauthenticated."""
    from interfaces.principals import open_directory
    from interfaces.settings import load_settings

    key = person_key(api_key, key_file, what)
    settings = load_settings()
    return settings, open_directory(settings.principals_file, settings.environment).by_api_key(key)


def clean(settings: Settings, text: str | None) -> str | None:
    """What a person typed, made fit to be kept: without what identifies somebody, or steers a screen."""
    from foundation.outside_text import OutsideText
    from interfaces.bootstrap.redaction import redactor

    return OutsideText(redactor(settings).redact).text(text) if text else text
