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
from tools.reading import find_source, floats_of, name_of, nulls_of, read_rows, window


class Arguments(ToolArguments):
    source: str
    minutes: int = Field(default=10, ge=1, le=1440)
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
    keys = {entity.join_key for entity in platform.catalog.entities}
    broken: list[str] = []
    rates: dict[str, float] = {}
    outside = 0
    for column in source.columns:
        rate = float(nulls_of(table, column.name).mean())
        rates[column.name] = rate
        # one stray null in a handful of rows is not a broken promise
        if rate > column.max_null_rate + 2 / rows:
            broken.append(column.name)
        values = floats_of(table, column.name)
        low = -np.inf if column.minimum is None else column.minimum
        high = np.inf if column.maximum is None else column.maximum
        outside += int(((values < low) | (values > high)).sum())
    worst = max(rates, key=lambda name: rates[name])
    figures: dict[str, Any] = {
        "rows": rows,
        "breaches": len(broken),
        "broken_columns": ", ".join(broken),
        "value_nulls": any(c not in keys for c in broken),
        "key_nulls": any(c in keys for c in broken),
        "worst_column": worst,
        "worst_null_rate": rates[worst],
        "out_of_range": outside,
        "out_of_range_rate": outside / rows,
        **{f"null_rate_{name}": rate for name, rate in rates.items()},
    }
    said = ", ".join(f"{c} {rates[c]:.0%} null" for c in broken) or "all null rates within the promise"
    return success(f"{source.name}, {rows} rows: {said}; {outside} values out of range", figures, note=query)


TOOL = Tool(
    name="source_quality",
    summary="Null rates and ranges of all columns of a source against the owner's promises",
    arguments=Arguments,
    example={"source": "payments_co", "minutes": 10},
    figures={
        "rows": "rows in the window",
        "breaches": "columns whose null rate is over the promise by more than two rows",
        "broken_columns": "their names",
        "value_nulls": "whether a column that is no entity key is among them",
        "key_nulls": "whether an entity key is among them",
        "worst_column": "the column with the highest null rate",
        "worst_null_rate": "its null rate, 0..1",
        "out_of_range": "values outside the promised minimum and maximum",
        "out_of_range_rate": "the same per row",
        "null_rate_<column>": "null rate of each column, 0..1",
    },
    run=observe,
)
