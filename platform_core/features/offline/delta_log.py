"""What Delta's transaction log says about files: which may hold rows of a time range, which a version added."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pyarrow as pa
import pyarrow.parquet as pq
from deltalake import DeltaTable

from foundation.errors import Unavailable
from platform_core.features.offline.port import ArrivalsForgotten

_TRUNCATION = timedelta(milliseconds=1)


def files_between(
    handle: DeltaTable, root: Path, column: str, start: datetime | None, end: datetime | None
) -> list[str]:
    """Paths of the files that may hold rows with start <= column < end; files without statistics are kept."""
    actions = pa.table(handle.get_add_actions(flatten=True))
    paths = [str(root / unquote(path)) for path in actions["path"].to_pylist()]
    if (start is None and end is None) or f"min.{column}" not in actions.column_names:
        return paths
    lows, highs = actions[f"min.{column}"].to_pylist(), actions[f"max.{column}"].to_pylist()
    return [
        path
        for path, low, high in zip(paths, lows, highs, strict=True)
        if (low is None or end is None or low < end) and (high is None or start is None or high + _TRUNCATION >= start)
    ]


def added_files(root: Path, after: int) -> Iterator[tuple[int, list[pa.Table]]]:
    """(version, the tables its commit added) for each commit after `after`, in order, as far as the log holds them.

    Reads the commit files of the Delta protocol (`_delta_log/<20 digits>.json`).
    """
    version = after + 1
    while (commit := _commit(root, version)).exists():
        yield version, _additions(root, commit)
        version += 1


def holds(root: Path, version: int) -> bool:
    """Whether the log still has the commit of `version`; a cleaned log has lost a prefix of them."""
    return _commit(root, version).exists()


def _commit(root: Path, version: int) -> Path:
    return root / "_delta_log" / f"{version:020d}.json"


def _additions(root: Path, commit: Path) -> list[pa.Table]:
    try:
        actions: list[dict[str, Any]] = [json.loads(line) for line in commit.read_text().splitlines() if line]
        added = [action["add"] for action in actions if "add" in action and action["add"]["dataChange"]]
        return [pq.ParquetFile(root / unquote(add["path"])).read() for add in added]
    except FileNotFoundError as error:
        raise ArrivalsForgotten(f"what the commit {commit} added was vacuumed: {error}") from error
    except (OSError, ValueError, KeyError, pa.ArrowException) as error:
        raise Unavailable(f"the commit {commit} cannot be read: {error}") from error
