"""Directories that somebody named in a setting or an option."""

from __future__ import annotations

from pathlib import Path

from foundation.errors import InvalidInput


def make_directory(path: Path, named_by: str) -> None:
    """Makes it and those above it. Raises InvalidInput when that cannot be, saying what named it."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        why = "a file is in the way" if isinstance(error, FileExistsError | NotADirectoryError) else error.strerror
        raise InvalidInput(f"{path} cannot be made: {why}", hint=f"choose another {named_by}") from error
