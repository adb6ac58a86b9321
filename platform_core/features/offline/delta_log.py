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
from platform_core.features.offline.parquet_scan import DataFile
from platform_core.features.offline.port import ArrivalsForgotten

_TRUNCATION = timedelta(milliseconds=1)


def files_between(
    handle: DeltaTable, root: Path, column: str, start: datetime | None, end: datetime | None
) -> list[DataFile]:
    """The files that may hold rows with start <= column < end; files without statistics are kept."""
    actions = pa.table(handle.get_add_actions(flatten=True))
    prefix = "partition."
    partitions = {n.removeprefix(prefix): actions[n].to_pylist() for n in actions.column_names if n.startswith(prefix)}
    files = [
        DataFile(str(root / unquote(path)), {name: values[i] for name, values in partitions.items()})
        for i, path in enumerate(actions["path"].to_pylist())
    ]
    if (start is None and end is None) or f"min.{column}" not in actions.column_names:
        return files
    lows, highs = actions[f"min.{column}"].to_pylist(), actions[f"max.{column}"].to_pylist()
    return [
        file
        for file, low, high in zip(files, lows, highs, strict=True)
        if (low is None or end is None or low < end) and (high is None or start is None or high + _TRUNCATION >= start)
    ]


def refuse_unreadable(handle: DeltaTable, path: Path) -> None:
    """Raises Unavailable for a table whose files do not tell the whole story: read as they are, rows that a deletion
    vector marks would come back, and columns would go by other names."""
    features = set(handle.protocol().reader_features or ()) & _BESIDE_THE_FILES.keys()
    if handle.metadata().configuration.get("delta.columnMapping.mode", "none") != "none":
        features.add("columnMapping")
    if features:
        feature = min(features)
        raise Unavailable(f"the Delta table {path} uses {feature}", hint=_BESIDE_THE_FILES[feature])


_BESIDE_THE_FILES = {
    "deletionVectors": "where it is written: REORG TABLE … APPLY (PURGE), then drop the table feature deletionVectors",
    "columnMapping": "where it is written: rewrite the table with delta.columnMapping.mode = none",
}


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
