"""A column before and after its most likely change: level, spread, shape, nulls, and the minute it happened."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import numpy as np
from pydantic import Field

from platform_core.view import PlatformView
from tools.answers import line, no_data, success
from tools.contract import Chart, Observation, ToolArguments
from tools.declaration import Tool
from tools.profiles import column_profile, compare
from tools.reading import find_column, find_source, name_of, window


class Arguments(ToolArguments):
    source: str
    column: str
    minutes: int = Field(default=180, ge=5, le=10080)
    until: datetime | None = None


def observe(platform: PlatformView, arguments: Arguments) -> Observation:
    """Find the change of level (normal-score scan) and of null rate in the window and describe both sides of it."""
    source = find_source(platform, name_of(arguments.source, "source"))
    column = find_column(source, arguments.column)
    span = window(platform, arguments.minutes, arguments.until)
    profile = column_profile(platform, source, column.name, span)
    query = f"{source.table}.{column.name} from {span.start.isoformat()} to {span.end.isoformat()}"
    if profile.times.size == 0:
        return no_data(f"{source.name} has no rows in the last {arguments.minutes} min", {"rows": 0}, note=query)
    sides = compare(profile.before, profile.after)
    onset = profile.changed_at
    late = profile.times >= (int(onset.timestamp() * 1e6) if onset else np.iinfo(np.int64).max)
    null_after = float(profile.nulls[late].mean()) if late.any() else None
    null_before = float(profile.nulls[~late].mean()) if (~late).any() else None
    figures = {
        "rows": profile.times.size,
        "rows_after": int(late.sum()),
        # a text has no level: that it did not change says nothing
        "changed": profile.value_changed_at is not None if np.isfinite(profile.values).any() else None,
        "changed_at": onset,
        "minutes_since_change": (span.end - onset).total_seconds() / 60 if onset else None,
        "p50_before": sides.p50_before,
        "p50_after": sides.p50_after,
        "p90_before": sides.p90_before,
        "p90_after": sides.p90_after,
        "ratio": sides.ratio,
        "unit_factor": sides.unit_factor,
        "is_unit_factor": sides.unit_factor is not None,
        "shape_distance": sides.shape_distance,
        "shape_noise": sides.shape_noise,
        "same_shape": sides.same_shape,
        "spread_ratio": sides.spread_ratio,
        "null_rate_before": null_before,
        "null_rate_after": null_after if null_after is not None else null_before,
        "nulls_changed": profile.nulls_changed_at is not None,
        "promised_null_rate": column.max_null_rate,
    }
    chart_start = span.end - timedelta(minutes=min(arguments.minutes, 60))
    points = line("p50", profile.times, profile.values, chart_start, span.end, np.median)
    marks = ((onset, "change"),) if onset is not None and onset >= chart_start else ()
    chart = Chart(title=f"{source.name}.{column.name}: median", unit=column.name, series=(points,), marks=marks)
    only_nulls = profile.nulls_changed_at is not None and profile.value_changed_at is None
    if only_nulls or not np.isfinite(profile.values).any():
        points = line("null rate", profile.times, profile.nulls, chart_start, span.end, np.mean)
        chart = Chart(title=f"{source.name}.{column.name}: null rate", unit="rate", series=(points,), marks=marks)
    return success(_summary(source.name, column.name, figures), figures, chart, note=query)


def _summary(source: str, column: str, figures: Mapping[str, Any]) -> str:
    name, at = f"{source}.{column}", figures["changed_at"]
    parts: list[str] = []
    if figures["changed"] and isinstance(at, datetime):
        parts.append(f"p50 {figures['p50_before']:.4g} -> {figures['p50_after']:.4g} (x{figures['ratio']:.3g})")
    if figures["nulls_changed"] and isinstance(at, datetime):
        parts.append(f"null rate {figures['null_rate_before']:.1%} -> {figures['null_rate_after']:.1%}")
    if not parts or not isinstance(at, datetime):
        return f"{name}: no change of level or null rate in the window"
    return f"{name}: {', '.join(parts)} since {at:%H:%M:%S}"


TOOL = Tool(
    name="column_profile",
    summary="Level, shape and null rate of a source's column before and after its most likely change",
    arguments=Arguments,
    example={"source": "payments_br", "column": "amount", "minutes": 180},
    figures={
        "rows": "rows in the window",
        "rows_after": "rows since the change",
        "changed": "whether the level of the values changed (Bonferroni-bounded p < 0.01); none for a text",
        "changed_at": "event time of the first row after the first change, of level or of null rate",
        "minutes_since_change": "minutes from there to the end of the window",
        "p50_before": "median before the change of level (of everything when there is none)",
        "p50_after": "median after it",
        "p90_before": "90th percentile before",
        "p90_after": "90th percentile after",
        "ratio": "p50_after / p50_before",
        "unit_factor": "the power of ten that the ratio is, within its sampling error; none when it is not one",
        "is_unit_factor": "whether there is one",
        "shape_distance": "Kolmogorov-Smirnov distance of the log-values after aligning medians, 0..1",
        "shape_noise": "its 5 % critical value: sampling alone stays below",
        "same_shape": "whether the distance is within noise, as after a change of unit",
        "spread_ratio": "interquartile range of the log-values, after over before",
        "null_rate_before": "null rate before the change, 0..1",
        "null_rate_after": "null rate after it (the same when there is no change)",
        "nulls_changed": "whether the null rate changed (p < 0.01)",
        "promised_null_rate": "the owner's bound from the catalog",
    },
    run=observe,
)
