"""Every column of a source against what its owner promises in the catalog, over the last minutes."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import numpy as np
from pydantic import Field

from platform_core.view import PlatformView
from tools.answers import no_data, success
from tools.contract import Observation, ToolArguments
from tools.declaration import Tool
from tools.null_evidence import NullEvidence, mean_nats, null_evidence
from tools.reading import find_source, floats_of, name_of, nulls_of, read_rows, window

BROKEN_NATS = 3.0
"""Odds of 20 to 1: strong evidence on the scale of Kass and Raftery (1995)."""
FEWEST_NULLS = 3


class Arguments(ToolArguments):
    source: str
    minutes: int = Field(default=20, ge=1, le=1440)
    until: datetime | None = None


def observe(platform: PlatformView, arguments: Arguments) -> Observation:
    """Null rates and ranges of all columns."""
    source = find_source(platform, name_of(arguments.source, "source"))
    span = window(platform, arguments.minutes, arguments.until)
    table = read_rows(platform, source, [c.name for c in source.columns], span.start, span.end)
    query = f"{source.table} from {span.start.isoformat()} to {span.end.isoformat()}"
    rows = table.num_rows
    if rows == 0:
        return no_data(f"{source.name} has no rows in the last {arguments.minutes} min", {"rows": 0}, note=query)
    keys = {key for entity in platform.catalog.entities for key in entity.join_keys}
    rates: dict[str, float] = {}
    found: dict[str, NullEvidence] = {}
    outside = 0
    for column in source.columns:
        flags = nulls_of(table, column.name)
        rates[column.name] = float(flags.mean())
        if column.name not in (source.event_timestamp, source.created_timestamp):
            found[column.name] = null_evidence(flags, column.max_null_rate)
        values = floats_of(table, column.name)
        low = -np.inf if column.minimum is None else column.minimum
        high = np.inf if column.maximum is None else column.maximum
        outside += int(((values < low) | (values > high)).sum())
    # a stray null or two is no broken promise, however strict the promise
    broken = [name for name, seen in found.items() if seen.nats > BROKEN_NATS and seen.nulls >= FEWEST_NULLS]
    worst = max(found, key=lambda name: (found[name].nats, found[name].rate))
    figures: dict[str, Any] = {
        "rows": rows,
        "breaches": len(broken),
        "broken_columns": ", ".join(broken),
        "null_nats": mean_nats([seen.nats for seen in found.values()]),
        "value_nulls": any(c not in keys for c in broken),
        "key_nulls": any(c in keys for c in broken),
        "worst_column": worst,
        "worst_nulls": found[worst].nulls,
        "worst_rows": found[worst].rows,
        "worst_null_rate": found[worst].rate,
        "worst_promise": next(c.max_null_rate for c in source.columns if c.name == worst),
        "out_of_range": outside,
        "out_of_range_rate": outside / rows,
        **{f"null_rate_{name}": rate for name, rate in rates.items()},
    }
    said = ", ".join(f"{c} {found[c].rate:.0%} null" for c in broken) or "all null rates within the promise"
    return success(f"{source.name}, {rows} rows: {said}; {outside} values out of range", figures, note=query)


TOOL = Tool(
    name="source_quality",
    summary="Null rates and ranges of all columns of a source against the owner's promises",
    arguments=Arguments,
    example={"source": "payments_co", "minutes": 10},
    figures={
        "rows": "rows in the window",
        "breaches": "columns with three nulls or more that speak for a burst by over 3 nats, odds of 20",
        "null_nats": "weight of evidence for a burst of nulls in one of the columns, in nats",
        "broken_columns": "their names",
        "value_nulls": "whether a column that is no entity key is among them",
        "key_nulls": "whether an entity key is among them",
        "worst_column": "the column whose nulls say most",
        "worst_nulls": "its nulls since they most likely began",
        "worst_rows": "rows since then",
        "worst_null_rate": "the one over the other, 0..1",
        "worst_promise": "the rate that its owner promises",
        "out_of_range": "values outside the promised minimum and maximum",
        "out_of_range_rate": "the same per row",
        "null_rate_<column>": "null rate of each column in the whole window, 0..1",
    },
    run=observe,
)
