"""A chart as Slack's native `data_visualization` block: at most 6 series over the same at most 20 categories.

Format: Slack's Block Kit reference, *Data visualization block*. Every series must have a value for every category, so
the points of all series are put on the categories of the longest one, carrying the last value forward.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable
from datetime import datetime
from typing import Any

from interfaces.slack.limits import AXIS_LABEL, CHART_LABEL, CHART_POINTS, CHART_SERIES, CHART_TITLE, cut
from tools.contract import Chart, Series


def chart_block(chart: Chart, redact: Callable[[str], str]) -> dict[str, Any]:
    """`chart` with its marks named in the axis title, since the block draws no vertical lines."""
    axis = max(chart.series, key=lambda series: len(series.points)).points
    times = [at for at, _ in _thin(axis)]
    labels = _distinct([f"{at:%H:%M}" for at in times])
    marks = ", ".join(f"{at:%H:%M} {text}" for at, text in chart.marks)
    return {
        "type": "data_visualization",
        "title": cut(redact(chart.title), CHART_TITLE),
        "chart": {
            "type": "line",
            "series": [
                {
                    "name": cut(redact(series.name), CHART_LABEL),
                    "data": [
                        {"label": label, "value": _value_at(series, at)}
                        for label, at in zip(labels, times, strict=True)
                    ],
                }
                for series in chart.series[:CHART_SERIES]
            ],
            "axis_config": {
                "categories": labels,
                "x_label": cut(redact(marks or "UTC"), AXIS_LABEL),
                "y_label": cut(redact(chart.unit), AXIS_LABEL),
            },
        },
    }


def _thin(points: tuple[tuple[datetime, float], ...]) -> list[tuple[datetime, float]]:
    if len(points) <= CHART_POINTS:
        return list(points)
    step = (len(points) - 1) / (CHART_POINTS - 1)
    return [points[round(i * step)] for i in range(CHART_POINTS)]


def _distinct(labels: list[str]) -> list[str]:
    """Categories must differ: a repeated minute gets its ordinal."""
    seen: dict[str, int] = {}
    distinct: list[str] = []
    for label in labels:
        seen[label] = seen.get(label, 0) + 1
        distinct.append(label if seen[label] == 1 else f"{label} ({seen[label]})")
    return distinct


def _value_at(series: Series, at: datetime) -> float:
    index = bisect_right([t for t, _ in series.points], at) - 1
    return float(series.points[max(index, 0)][1]) if series.points else 0.0
