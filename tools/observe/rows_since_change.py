"""Whether what arrived since a resource was changed looks again as it did before the trouble: nulls and levels."""

from __future__ import annotations

import math
from datetime import datetime, timedelta

import numpy as np
from pydantic import field_validator

from platform_core.catalog.specs import Column
from platform_core.monitoring.statistics import binomial_tail
from platform_core.view import PlatformView
from tools.answers import no_data, success
from tools.contract import Observation, ToolArguments
from tools.declaration import Tool
from tools.reading import Floats, find_column, find_source, floats_of, name_of, nulls_of, read_rows, times_of
from tools.statistics import logs, median_error

ENOUGH_ROWS = 20
"""Of a fault that hits every third row, so many rows show at least two in 998 of 1000 cases."""
USUAL = timedelta(hours=24)
REACH = timedelta(hours=1)
"""Event time of the rows that count as now; late ones beyond it are not looked at."""
SIGNIFICANCE = 0.01


class Arguments(ToolArguments):
    source: str
    changed: str
    """URN of the resource whose last change of spec divides before from now, such as the deployment rolled back."""

    usual_until: datetime
    """What arrived in the 24 h before is usual: the moment the trouble began."""

    column: str | None = None
    """Only this one; by default every column of the source."""

    @field_validator("usual_until")
    @classmethod
    def _aware(cls, value: datetime) -> datetime:
        if value.tzinfo is None:
            raise ValueError("a time carries its zone, e.g. 2026-11-19T05:51:00Z")
        return value


def observe(platform: PlatformView, arguments: Arguments) -> Observation:
    """Compare rows by when they were stored, not by when they happened: only later ones can have been mended."""
    source = find_source(platform, name_of(arguments.source, "source"))
    columns = (
        [find_column(source, arguments.column)]
        if arguments.column
        else [c for c in source.columns if c.name not in (source.event_timestamp, source.created_timestamp)]
    )
    changed_at, now = platform.resources.get(arguments.changed).updated_at, platform.clock.now()
    names = [*(c.name for c in columns), source.created_timestamp]
    usual = read_rows(platform, source, names, arguments.usual_until - USUAL, arguments.usual_until)
    usual = usual.filter(times_of(usual, source.created_timestamp) < _us(arguments.usual_until))
    rows = read_rows(platform, source, names, max(now - REACH, arguments.usual_until), now + timedelta(microseconds=1))
    rows = rows.filter(times_of(rows, source.created_timestamp) > _us(changed_at))
    figures = {"rows": rows.num_rows, "usual_rows": usual.num_rows, "since": changed_at}
    query = f"{source.table}, stored after {changed_at.isoformat()}, usual until {arguments.usual_until.isoformat()}"
    if rows.num_rows < ENOUGH_ROWS or usual.num_rows < ENOUGH_ROWS:
        said = f"{source.name}: {rows.num_rows} rows arrived since {changed_at:%H:%M:%S}, {ENOUGH_ROWS} are needed"
        return no_data(said, figures, note=query)
    nulls = [c.name for c in columns if _over(c, nulls_of(usual, c.name), nulls_of(rows, c.name))]
    levels = [c.name for c in columns if _moved(floats_of(usual, c.name), floats_of(rows, c.name))]
    rates = {c.name: float(nulls_of(rows, c.name).mean()) for c in columns}
    worst = max(rates, key=lambda name: rates[name])
    odd = list(dict.fromkeys([*nulls, *levels]))
    figures |= {
        "as_before": not odd,
        "odd_columns": ", ".join(odd),
        "null_columns": ", ".join(nulls),
        "moved_columns": ", ".join(levels),
        "worst_column": worst,
        "worst_null_rate": rates[worst],
    }
    said = f"{', '.join(odd)} not as before" if odd else "all as before"
    return success(f"{source.name}, {rows.num_rows} rows since {changed_at:%H:%M:%S}: {said}", figures, note=query)


def _over(column: Column, usual: np.ndarray, now: np.ndarray) -> bool:
    """More nulls than chance makes of the usual rate or of the owner's promise, whichever is higher."""
    allowed = max(column.max_null_rate, float(usual.mean()), 0.001)
    return binomial_tail(int(now.sum()), now.size, allowed) < SIGNIFICANCE


def _moved(usual: Floats, now: Floats) -> bool:
    """Whether the median of an amount is more than two standard errors and 25 % from usual. Strict on purpose: a
    recovery that cannot be seen yet is waited for."""
    before, after = logs(usual[~np.isnan(usual)]), logs(now[~np.isnan(now)])
    if before is None or after is None:
        return False
    error = math.hypot(median_error(before), median_error(after))
    return bool(abs(np.median(after) - np.median(before)) > max(2 * error, math.log(1.25)))


def _us(moment: datetime) -> int:
    return int(moment.timestamp() * 1e6)


TOOL = Tool(
    name="rows_since_change",
    summary="Whether rows stored since a resource was changed are again as before the trouble",
    arguments=Arguments,
    example={
        "source": "payments_co",
        "changed": "urn:vigia:deployment:ingest-co",
        "usual_until": "2026-11-19T05:51:00Z",
    },
    figures={
        "rows": f"rows stored since the change; under {ENOUGH_ROWS} nothing is said",
        "usual_rows": "rows stored in the 24 h before the trouble",
        "since": "when the resource's spec was last changed",
        "as_before": "whether no column has too many nulls or another level",
        "odd_columns": "the columns that do",
        "null_columns": "columns with more nulls than usual and promised (binomial tail under 1 %)",
        "moved_columns": "amounts whose median is over 2 standard errors and 25 % from usual",
        "worst_column": "the column with the highest null rate since the change",
        "worst_null_rate": "its null rate, 0..1",
    },
    run=observe,
)
