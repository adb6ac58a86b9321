"""The data files of a Delta table as it is now."""

from __future__ import annotations

from pathlib import Path

from deltalake import DeltaTable
from deltalake.exceptions import DeltaError

from foundation.errors import Unavailable


def current_files(table: Path) -> list[Path]:
    """Paths of the newest version's files only: the directory may still hold those of rows that were deleted.

    Raises Unavailable when its log cannot be read.
    """
    try:
        return sorted(Path(uri.removeprefix("file://")) for uri in DeltaTable(str(table)).file_uris())
    except (DeltaError, OSError) as error:
        raise Unavailable(f"the Delta table at {str(table)!r} cannot be read: {error}") from error
