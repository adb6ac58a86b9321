"""The data files of a Delta table as it is now."""

from __future__ import annotations

from pathlib import Path

from deltalake import DeltaTable
from deltalake.exceptions import DeltaError

from platform_core.features.offline.delta_log import log_unreadable, refuse_unreadable


def current_files(table: Path) -> list[Path]:
    """Paths of the newest version's files only: the directory may still hold those of rows that were deleted.

    Raises Unavailable when its log cannot be read, or its files do not tell which of their rows were deleted.
    """
    try:
        handle = DeltaTable(str(table))
        refuse_unreadable(handle, table)
        return sorted(Path(uri.removeprefix("file://")) for uri in handle.file_uris())
    except (DeltaError, OSError) as error:
        raise log_unreadable(table, error) from error
