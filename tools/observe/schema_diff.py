"""The stored table against the catalog: new and vanished columns, and which new one carries an old one's values."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import numpy as np
import pyarrow as pa
from pydantic import Field

from platform_core.catalog.specs import DataSource
from platform_core.view import PlatformView
from tools.answers import success
from tools.contract import Observation, ToolArguments, Window
from tools.declaration import Tool
from tools.profiles import moment
from tools.reading import find_source, name_of, nulls_of, source_spec, times_of, window

BOOKKEEPING = frozenset({"event_id", "ingested_at"})


class Arguments(ToolArguments):
    source: str
    minutes: int = Field(default=180, ge=5, le=10080)
    until: datetime | None = None


def observe(platform: PlatformView, arguments: Arguments) -> Observation:
    """Compare schemas, then look for a rename: rows where a known column is null and a new one is not."""
    source = find_source(platform, name_of(arguments.source, "source"))
    span = window(platform, arguments.minutes, arguments.until)
    stored = platform.offline.schema(source.table)
    known = {c.name for c in source.columns} | {source.event_timestamp, source.created_timestamp} | BOOKKEEPING
    new = [name for name in stored.names if name not in known]
    gone = [c.name for c in source.columns if c.name not in stored.names]
    mapping = source_spec(platform, source.name).field_mapping
    figures: dict[str, Any] = {
        "new_columns": ", ".join(new),
        "new_count": len(new),
        "missing_columns": ", ".join(gone),
        "mapped_columns": ", ".join(f"{k} <- {v}" for k, v in sorted(mapping.items())),
        "renamed": False,
        "renamed_from": None,
        "renamed_to": None,
        "renamed_at": None,
        "renamed_overlap": None,
        "already_mapped": False,
    }
    figures |= _rename(platform, source, stored, new, span)
    if figures["renamed"]:
        figures["already_mapped"] = mapping.get(figures["renamed_from"]) == figures["renamed_to"]
        said = f"{figures['renamed_from']} comes as {figures['renamed_to']} since {figures['renamed_at']:%H:%M:%S}"
    else:
        said = f"new columns: {figures['new_columns'] or 'none'}; missing: {figures['missing_columns'] or 'none'}"
    return success(f"{source.name}: {said}", figures)


def _rename(
    platform: PlatformView, source: DataSource, stored: pa.Schema, new: list[str], span: Window
) -> dict[str, Any]:
    """The (known, new) pair of the same type whose nulls complement each other on the newest rows, if any."""
    times_only = (source.event_timestamp, source.created_timestamp)
    present = [c.name for c in source.columns if c.name in stored.names and c.name not in times_only]
    if not new or not present:
        return {}
    table = platform.offline.read(
        source.table,
        start=span.start,
        end=span.end,
        columns=[source.event_timestamp, *present, *new],
        time_column=source.event_timestamp,
    )
    times = times_of(table, source.event_timestamp)
    filled = {name: ~nulls_of(table, name) for name in (*present, *new)}
    best: dict[str, Any] = {}
    for column in new:
        carried = filled[column]
        if carried.sum() < 3:
            continue
        for known in present:
            same_type = stored.field(known).type == stored.field(column).type
            complement = float((~filled[known])[carried].mean())
            if not same_type or complement < 0.9 or complement <= best.get("renamed_overlap", 0.0):
                continue
            best = {
                "renamed": True,
                "renamed_from": known,
                "renamed_to": column,
                "renamed_at": moment(np.int64(times[carried].min())),
                "renamed_overlap": complement,
            }
    return best


TOOL = Tool(
    name="schema_diff",
    summary="Stored columns against the catalog, and whether a new column took over a known one",
    arguments=Arguments,
    example={"source": "payments_mx", "minutes": 180},
    figures={
        "new_columns": "stored columns the catalog does not know",
        "new_count": "how many",
        "missing_columns": "catalog columns the table does not have",
        "mapped_columns": "mappings in force, catalog name <- stored name",
        "renamed": "whether a new column is filled where a known one of the same type is null (over 90 % of its rows)",
        "renamed_from": "the catalog column",
        "renamed_to": "the stored column",
        "renamed_at": "event time of the first row under the new name",
        "renamed_overlap": "share of the new column's rows where the known one is null",
        "already_mapped": "whether the source's field mapping already says so",
    },
    run=observe,
)
