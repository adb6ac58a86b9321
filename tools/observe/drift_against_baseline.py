"""How far a column's distribution lies from its monitor's baseline: PSI, with what sampling alone would give."""

from __future__ import annotations

from datetime import datetime, timedelta

import numpy as np
from pydantic import Field

from foundation.errors import InvalidInput
from platform_core.operations.resources import MonitorSpec
from platform_core.urn import urn
from platform_core.view import PlatformView
from tools.answers import no_data, success
from tools.contract import Observation, ToolArguments
from tools.declaration import Tool
from tools.reading import find_column, find_source, floats_of, name_of, read_rows, times_of, window
from tools.statistics import psi

BASELINE = timedelta(days=7)
MIN_ROWS = 20
MIN_BASELINE = 100
BASELINE_ROWS = 500
"""A new baseline is the first so many rows since it began, as for the monitor: it does not follow what comes later."""
THRESHOLD = 0.2
"""Customary: under 0.1 stable, over 0.2 moved (Siddiqi 2006). Used when the source has no drift monitor."""


class Arguments(ToolArguments):
    source: str
    column: str
    minutes: int = Field(default=15, ge=1, le=1440)
    until: datetime | None = None


def observe(platform: PlatformView, arguments: Arguments) -> Observation:
    """PSI over baseline deciles. The baseline is the 7 days before the window, or the first rows since the monitor's
    `baseline_since`. It never shares a row with the window: what is compared with itself has not drifted."""
    source = find_source(platform, name_of(arguments.source, "source"))
    column = find_column(source, arguments.column)
    monitor, spec = _monitor(platform, source.name, column.name)
    now = window(platform, arguments.minutes, arguments.until)
    since = spec.baseline_since if spec and spec.baseline_since else now.start - BASELINE
    rows = read_rows(platform, source, [column.name], min(since, now.start), now.end)
    times, values = times_of(rows, source.event_timestamp), floats_of(rows, column.name)
    present = ~np.isnan(values) & (times >= int(since.timestamp() * 1e6))
    times, values = times[present], values[present]
    late = times >= int(now.start.timestamp() * 1e6)
    reference, current = values[~late], values[late]
    rebaselined = bool(spec and spec.baseline_since)
    needed = MIN_BASELINE if rebaselined else MIN_ROWS
    if rebaselined:
        reference = reference[:BASELINE_ROWS]
    query = f"{source.table}.{column.name}, baseline since {since.isoformat()}, now since {now.start.isoformat()}"
    threshold = spec.threshold if spec else THRESHOLD
    figures = {
        "monitor": monitor,
        "threshold": threshold,
        "baseline_since": since,
        "rebaselined": rebaselined,
        "baseline_rows": reference.size,
        "current_rows": current.size,
    }
    if current.size < MIN_ROWS // 2 or reference.size < needed:
        said = f"{reference.size} of {needed} baseline rows before the window, {current.size} rows in it"
        return no_data(f"{source.name}.{column.name}: too few rows for PSI, {said}", figures, note=query)
    index, noise = psi(reference, current)
    figures |= {"psi": index, "psi_noise": noise, "drifted": index > threshold + noise}
    said = "drifted" if figures["drifted"] else "within"
    return success(
        f"{source.name}.{column.name}: PSI {index:.2f} (threshold {threshold:g}, noise {noise:.2f}): {said}",
        figures,
        note=query,
    )


def _monitor(platform: PlatformView, source: str, column: str) -> tuple[str | None, MonitorSpec | None]:
    """The drift monitor of the column, by its name."""
    try:
        name = urn("monitor", f"drift-{source}-{column}")
    except InvalidInput:
        return None, None
    for resource in platform.resources.list(kind="monitor"):
        if resource.urn == name and isinstance(resource.spec, MonitorSpec):
            return name, resource.spec
    return None, None


TOOL = Tool(
    name="drift_against_baseline",
    summary="PSI of a column's last minutes against its monitor's baseline",
    arguments=Arguments,
    example={"source": "payments_ar", "column": "amount", "minutes": 15},
    figures={
        "monitor": "URN of the column's drift monitor, if there is one",
        "threshold": "its threshold, or 0.2",
        "baseline_since": "start of the baseline",
        "rebaselined": "whether the monitor was given a baseline of its own",
        "baseline_rows": "rows in the baseline",
        "current_rows": "rows in the window",
        "psi": "population stability index over deciles of the baseline",
        "psi_noise": "what sampling alone gives: (bins - 1)(1/n + 1/m)",
        "drifted": "whether psi is over threshold plus noise",
    },
    run=observe,
)
