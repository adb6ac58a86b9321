"""Charts in one line per series, drawn with block characters: ▁▂▃▄▅▆▇█."""

from __future__ import annotations

from datetime import datetime

from rich.text import Text

from tools.contract import Chart, Series

BLOCKS = "▁▂▃▄▅▆▇█"
_STYLES = ("cyan", "magenta", "yellow", "green", "blue")


def sparkline(values: list[float], low: float, high: float) -> str:
    """One block per value on a scale from `low` to `high`; a flat series is drawn at the bottom."""
    if high <= low:
        return BLOCKS[0] * len(values)
    steps = len(BLOCKS) - 1
    return "".join(BLOCKS[max(0, min(steps, round((v - low) / (high - low) * steps)))] for v in values)


def render_chart(chart: Chart) -> list[Text]:
    """Title, a line per series on one common scale, and the marks below the moment they name."""
    lines = [Text(f"{chart.title} ({chart.unit})" if chart.unit else chart.title, style="italic")]
    drawn = [series for series in chart.series if series.points]
    if not drawn:
        return [*lines, Text("  no points", style="dim")]
    values = [value for series in drawn for _, value in series.points]
    low, high = min(0.0, *values), max(values)
    width = max(len(series.name) for series in drawn)
    for index, series in enumerate(drawn):
        line = Text(f"  {series.name:<{width}} ")
        line.append(sparkline([value for _, value in series.points], low, high), style=_STYLES[index % len(_STYLES)])
        line.append(f"  {figure(series.points[0][1])} → {figure(series.points[-1][1])}", style="dim")
        lines.append(line)
    lines.extend(_mark_line(drawn[0], at, label, width) for at, label in chart.marks)
    return lines


def figure(value: float) -> str:
    """A number as short as it can be read: 0.0123, 94.2, 9,421."""
    if value == 0:
        return "0"
    size = abs(value)
    if size >= 1000:
        return f"{value:,.0f}"
    return f"{value:.4g}" if size < 1 else f"{value:.3g}" if size < 100 else f"{value:.0f}"


def _mark_line(series: Series, at: datetime, label: str, width: int) -> Text:
    moments = [moment for moment, _ in series.points]
    column = sum(1 for moment in moments if moment < at)
    column = min(column, len(moments) - 1)
    return Text(f"  {'':<{width}} {'':<{column}}╵ {label} {at:%H:%M}", style="dim")
