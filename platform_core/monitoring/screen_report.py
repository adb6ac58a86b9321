"""Evidently's full report for what the screen flagged: evidence that somebody can look at."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa

from platform_core.monitoring.report import write_drift_report
from platform_core.monitoring.screen import Screen, ScreenSettings, samples
from platform_core.view import PlatformView

ROWS = 50_000
"""Of each sample, evenly taken: the report draws every one of them."""


def write_screen_reports(
    platform: PlatformView, result: Screen, settings: ScreenSettings, directory: Path
) -> list[Path]:
    """One HTML file in `directory` for each (view, tenant) with drifted features, of those features. Takes seconds."""
    flagged: dict[tuple[str, str], list[str]] = {}
    for feature in result.drifted:
        names = flagged.setdefault((feature.view, feature.tenant), [])
        if feature.feature not in names:
            names.append(feature.feature)
    written: list[Path] = []
    for (name, tenant), features in flagged.items():
        view = platform.catalog.feature_view(name)
        reference, current = samples(platform.offline, view, tenant, result.current_to, settings)
        path = directory / f"{result.current_to:%Y-%m-%dT%H%M}-{name}-{tenant}.html"
        parts = [
            table.select(features).take(pa.array(range(0, len(table), max(len(table) // ROWS, 1))))
            for table in (reference, current)
        ]
        written.append(write_drift_report(parts[0], parts[1], path))
    return written
