"""A chart as SVG, drawn on the server: lines on one scale, the marks as vertical lines with their label."""

from __future__ import annotations

from datetime import datetime

from markupsafe import Markup

from tools.contract import Chart

WIDTH, HEIGHT = 560, 200
_LEFT, _RIGHT, _TOP, _BOTTOM = 54, 12, 12, 50


class _Scale:
    """From values and moments to coordinates."""

    def __init__(self, chart: Chart) -> None:
        points = [point for series in chart.series for point in series.points]
        moments = [at.timestamp() for at, _ in points]
        values = [value for _, value in points]
        self.start, self.end = min(moments), max(moments)
        self.low, self.high = min(0.0, *values), max(values)

    def x(self, at: datetime) -> float:
        span = self.end - self.start or 1.0
        share = min(1.0, max(0.0, (at.timestamp() - self.start) / span))
        return _LEFT + share * (WIDTH - _LEFT - _RIGHT)

    def y(self, value: float) -> float:
        span = self.high - self.low or 1.0
        return HEIGHT - _BOTTOM - (value - self.low) / span * (HEIGHT - _TOP - _BOTTOM)


def render_svg(chart: Chart) -> Markup:
    """An inline `<svg>`; colours come from the style sheet (`.s0` … `.s5`), so that it follows light and dark."""
    title = Markup("<title>{}</title>").format(f"{chart.title} ({chart.unit})")
    if not any(series.points for series in chart.series):
        return Markup(
            '<svg class="chart" viewBox="0 0 {} 24" role="img">{}<text x="0" y="16">no points</text></svg>'
        ).format(WIDTH, title)
    scale = _Scale(chart)
    parts = [title, *_axes(chart, scale), *_marks(chart, scale)]
    shown = chart.series[:6]
    apart = min(160.0, (WIDTH - _LEFT - _RIGHT) / len(shown))
    for index, series in enumerate(shown):
        if not series.points:
            continue
        path = " ".join(f"{scale.x(at):.1f},{scale.y(value):.1f}" for at, value in series.points)
        parts.append(Markup('<polyline class="line s{}" points="{}"/>').format(index, path))
        parts.append(
            Markup('<text class="key s{}" x="{}" y="{}">{}</text>').format(
                index, f"{_LEFT + apart * index:.0f}", HEIGHT - 6, series.name[:14]
            )
        )
    body = Markup("").join(parts)
    return Markup('<svg class="chart" viewBox="0 0 {} {}" role="img">{}</svg>').format(WIDTH, HEIGHT, body)


def _axes(chart: Chart, scale: _Scale) -> list[Markup]:
    floor = HEIGHT - _BOTTOM
    first = min(at for series in chart.series for at, _ in series.points)
    last = max(at for series in chart.series for at, _ in series.points)
    text = Markup('<text class="tick {}" x="{}" y="{}">{}</text>')
    return [
        Markup('<line class="axis" x1="{}" y1="{}" x2="{}" y2="{}"/>').format(_LEFT, floor, WIDTH - _RIGHT, floor),
        text.format("end", _LEFT - 6, scale.y(scale.high) + 4, _short(scale.high)),
        text.format("end", _LEFT - 6, scale.y(scale.low) + 4, _short(scale.low)),
        text.format("", _LEFT, floor + 18, f"{first:%H:%M}"),
        text.format("end", WIDTH - _RIGHT, floor + 18, f"{last:%H:%M} UTC"),
    ]


def _marks(chart: Chart, scale: _Scale) -> list[Markup]:
    drawn: list[Markup] = []
    for at, label in chart.marks:
        x = scale.x(at)
        side = "end" if x > WIDTH / 2 else ""
        drawn.append(
            Markup('<line class="mark" x1="{0:.1f}" y1="{1}" x2="{0:.1f}" y2="{2}"/>').format(x, _TOP, HEIGHT - _BOTTOM)
        )
        drawn.append(
            Markup('<text class="tick {}" x="{}" y="{}">{}</text>').format(
                side, f"{x - 4 if side else x + 4:.1f}", _TOP + 8, label[:40]
            )
        )
    return drawn


def _short(value: float) -> str:
    if value == 0:
        return "0"
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"
