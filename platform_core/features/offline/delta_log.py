"""What Delta's transaction log says about files: which may hold rows of a time range, which a version added."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
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

OWN_PARTITION = "event_date"
"""The column by which our own tables are partitioned."""

_TRUNCATION = timedelta(milliseconds=1)
_ZONE = re.compile(r"(Z|[+-]\d\d:?\d\d)$")


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
    nulls: list[int | None] = actions[f"null_count.{column}"].to_pylist()
    return [
        replace(file, whole=_is_within(low, high, start, end) and null == 0)
        for file, low, high, null in zip(files, lows, highs, nulls, strict=True)
        if (low is None or end is None or low < end) and (high is None or start is None or high + _TRUNCATION >= start)
    ]


def _is_within(low: datetime | None, high: datetime | None, start: datetime | None, end: datetime | None) -> bool:
    """Whether all of a file is, by its statistics."""
    if low is None or high is None:
        return False
    return (start is None or low >= start) and (end is None or high + _TRUNCATION < end)


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


def added_rows(root: Path, after: int, schema: Callable[[], pa.Schema]) -> Iterator[tuple[int, pa.Table]]:
    """(version, rows that its commit added) for each commit after `after`, in order, as far as the log holds them: a
    row group at a time. `schema`: the table's, for the columns that are in the names of its files only.

    Reads the commit files of the Delta protocol (`_delta_log/<20 digits>.json`). Raises Unavailable, ArrivalsForgotten.
    """
    version = after + 1
    while (commit := _commit(root, version)).exists():
        try:
            for action in _additions(commit):
                file = pq.ParquetFile(root / unquote(action["path"]))
                beside = partition_columns(action.get("partitionValues") or {}, file.schema_arrow.names, schema)
                for group in range(file.num_row_groups):
                    yield version, with_columns(file.read_row_group(group), beside)
        except FileNotFoundError as error:
            raise ArrivalsForgotten(f"what the commit {commit} added was vacuumed: {error}") from error
        except (OSError, ValueError, KeyError, pa.ArrowException) as error:
            raise Unavailable(f"the commit {commit} cannot be read: {error}") from error
        version += 1


def partition_columns(
    values: Mapping[str, str | None], stored: Sequence[str], schema: Callable[[], pa.Schema]
) -> dict[str, pa.Scalar]:
    """Of the partition columns that a data file does not hold itself: their value in all its rows.

    The log has them as text (Delta protocol, "Partition Value Serialization"): empty is null, times are in UTC. What
    is not in `schema` is left out.
    """
    missing = [name for name in values if name not in stored]
    if not missing or missing == [OWN_PARTITION]:
        return {}
    types = {field.name: field.type for field in schema()}
    return {name: _typed(values[name], types[name]) for name in missing if name in types}


def with_columns(rows: pa.Table, columns: Mapping[str, pa.Scalar]) -> pa.Table:
    for name, value in columns.items():
        rows = rows.append_column(name, pa.repeat(value, len(rows)))
    return rows


def _typed(text: str | None, dtype: pa.DataType) -> pa.Scalar:
    if text is None or not text:
        return pa.scalar(None, dtype)
    if pa.types.is_timestamp(dtype) and not _ZONE.search(text):
        text += "Z"
    return pa.scalar(text).cast(dtype)


def holds(root: Path, version: int) -> bool:
    """Whether the log still has the commit of `version`; a cleaned log has lost a prefix of them."""
    return _commit(root, version).exists()


def _commit(root: Path, version: int) -> Path:
    return root / "_delta_log" / f"{version:020d}.json"


def _additions(commit: Path) -> list[dict[str, Any]]:
    actions: list[dict[str, Any]] = [json.loads(line) for line in commit.read_text().splitlines() if line]
    return [action["add"] for action in actions if "add" in action and action["add"]["dataChange"]]
