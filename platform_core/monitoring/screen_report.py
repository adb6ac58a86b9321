"""Evidently's full report for what the screen flagged: evidence that somebody can look at."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from pathlib import Path

import pyarrow as pa

from foundation.errors import InvalidInput
from platform_core.monitoring.report import write_drift_report
from platform_core.monitoring.screen import Screen, ScreenSettings, samples, segments
from platform_core.monitoring.screen_columns import OF_A_COLUMN
from platform_core.view import PlatformView

_log = logging.getLogger(__name__)

ROWS = 50_000
"""Of each sample, evenly taken: the report draws every one of them."""


def write_screen_reports(
    platform: PlatformView,
    result: Screen,
    settings: ScreenSettings,
    directory: Path,
    *,
    of_views: Mapping[str, ScreenSettings] | None = None,
) -> dict[tuple[str, str], list[Path]]:
    """HTML files in `directory`, by (view, tenant) with drifted features: one of those features, or where a view is
    judged in segments, one for each segment that drifted. Takes seconds. What cannot be drawn (a column that lost all
    its values) has none, and is logged. `of_views`: as `screen` was told."""
    flagged: dict[tuple[str, str], dict[str | None, list[str]]] = {}
    for feature in result.drifted:
        flagged.setdefault((feature.view, feature.tenant), {}).setdefault(feature.segment, []).append(feature.feature)
    written: dict[tuple[str, str], list[Path]] = {}
    for (name, tenant), drifted in flagged.items():
        view, its = platform.catalog.feature_view(name), (of_views or {}).get(name, settings)
        reference, current = samples(platform.offline, view, tenant, result.current_to, its)
        for segment, *tables in segments(reference, current, its.segment):
            if segment not in drifted:
                continue
            beside = "" if segment is None else "-" + re.sub(r"[^A-Za-z0-9_.=-]", "_", segment)[:80]
            path = directory / f"{result.current_to:%Y-%m-%dT%H%M}-{name}-{tenant}{beside}.html"
            parts = [_thinned(table.select(drifted[segment])) for table in tables]
            try:
                written.setdefault((name, tenant), []).append(write_drift_report(parts[0], parts[1], path))
            except (InvalidInput, *OF_A_COLUMN) as error:  # the others have theirs
                _log.warning("no report of %s of %s: %s", name, tenant, error)
    return {of: paths for of, paths in written.items() if paths}


def _thinned(table: pa.Table) -> pa.Table:
    return table.take(pa.array(range(0, len(table), max(len(table) // ROWS, 1))))
