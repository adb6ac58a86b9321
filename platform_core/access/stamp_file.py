"""A file that says whose environment what lies beside it belongs to: one line, `production`."""

from __future__ import annotations

import os
import tempfile
from contextlib import suppress
from pathlib import Path

from foundation.errors import Conflict

STAMP = ".environment"
"""The file's name in a directory of ours; beside a single file it is that file's name with this at its end."""


def claim_file(path: Path, environment: str) -> str:
    """Which environment the file at `path` names: `environment`, unless another one was written there before.

    Raises Conflict for a stamp that is empty, and where there is none and none can be written.
    """
    if not path.exists():
        _write(path, environment)
    found = path.read_text(encoding="utf-8").strip()
    if not found:
        hint = "write the name of the environment whose data this is into it"
        raise Conflict(f"{path} is empty: nobody knows whose the data is", hint=hint)
    return found


def _write(path: Path, environment: str) -> None:
    """Written whole, flushed and then linked: there is never a stamp that says nothing yet."""
    try:
        handle, written = tempfile.mkstemp(prefix=STAMP, dir=path.parent)
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                file.write(f"{environment}\n")
                file.flush()
                os.fsync(file.fileno())
            with suppress(FileExistsError):  # another process was first
                os.link(written, path)
        finally:
            Path(written).unlink()
    except OSError as error:
        hint = f"whoever keeps it writes the name of its environment into {path}; VIGIA__SHARED_STORES=true asks nobody"
        raise Conflict(f"nobody knows whose the data at {path.parent} is: {error}", hint=hint) from error


__all__ = ["STAMP", "claim_file"]
