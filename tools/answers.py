"""Building observations: figures that JSON can carry, charts of a bounded size."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import numpy.typing as npt

from foundation.outside_text import OutsideText
from tools.contract import Chart, Figure, Observation, Series

MAX_POINTS = 20
"""Points in a series and series in a chart: what Slack's native chart block shows."""
MAX_SERIES = 12
MAX_TEXT = 400
MAX_FIGURES = 80

_TORN = re.compile(r"[\d\s.()/+-]*\S{0,80}$")
"""What a cut may have torn: the last word, and the groups of digits before it."""


def success(
    summary: str, figures: Mapping[str, Any], chart: Chart | None = None, note: str | None = None
) -> Observation:
    """The query ran and found something."""
    return Observation(status="success", summary=summary, figures=clean(figures), chart=chart, note=note)


def no_data(summary: str, figures: Mapping[str, Any] | None = None, *, note: str) -> Observation:
    """The query ran and found nothing; `note` holds the query and the window."""
    return Observation(status="no_data", summary=summary, figures=clean(figures or {}), note=note)


def clean(figures: Mapping[str, Any]) -> dict[str, Figure]:
    """`figures` as JSON carries them: numpy scalars unwrapped, NaN and infinities as None, times as ISO 8601."""
    return {name: _figure(value) for name, value in figures.items()}


def _figure(value: Any) -> Figure:
    if value is None or isinstance(value, bool | np.bool_):
        return None if value is None else bool(value)
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="seconds")
    if isinstance(value, int | np.integer):
        return int(value)
    if isinstance(value, float | np.floating):
        # six significant digits: the digest of an observation should not hang on the last bit of a mean
        return float(f"{float(value):.6g}") if math.isfinite(value) else None
    return str(value)


def short(text: str, limit: int = MAX_TEXT) -> str:
    """`text` on one line of at most `limit` characters.

    A cut takes what it tears with it, for where tools cut, redaction is still to come and would not recognise the half
    of an identifier.
    """
    line = " ".join(text.split())
    return line if len(line) <= limit else _TORN.sub("", line[: limit - 1]) + "…"


def line(  # noqa: PLR0917 - what is drawn, then from where to where, then how
    name: str,
    times: npt.NDArray[np.int64],
    values: npt.NDArray[np.float64],
    start: datetime,
    end: datetime,
    reduce: Callable[[npt.NDArray[np.float64]], Any],
    *,
    empty: float | None = None,
) -> Series:
    """At most 20 points: `values` at `times` (microseconds since the epoch) reduced per equal bin of whole minutes.

    A bin without rows has the value `empty`, or no point when that is None (a median of nothing is not zero).
    """
    minutes = max(1, math.ceil((end - start).total_seconds() / 60 / MAX_POINTS))
    bins = max(1, min(MAX_POINTS, math.ceil((end - start).total_seconds() / 60 / minutes)))
    first = int(start.timestamp() * 1e6)
    place = (times - first) // (minutes * 60_000_000)
    points: list[tuple[datetime, float]] = []
    for index in range(bins):
        inside = values[place == index]
        inside = inside[~np.isnan(inside)]
        value = empty if inside.size == 0 else float(reduce(inside))
        if value is not None and math.isfinite(value):
            points.append((start + timedelta(minutes=minutes * index), float(f"{value:.6g}")))
    return Series(name=name, points=tuple(points))


def harmless(observation: Observation, outside: OutsideText) -> Observation:
    """`observation` with every text in it cleaned and redacted; its numbers and times are as the tool measured them."""
    # The figures first: the value of a classified field is known from then on, and found in the other texts.
    figures = {outside.text(name): outside.value(figure, key=name) for name, figure in observation.figures.items()}
    chart = observation.chart
    if chart is not None:
        chart = Chart(
            title=outside.text(chart.title),
            unit=chart.unit,
            series=tuple(Series(name=outside.text(s.name), points=s.points) for s in chart.series),
            marks=tuple((at, outside.text(label)) for at, label in chart.marks),
        )
    return Observation(
        status=observation.status,
        summary=outside.text(observation.summary),
        figures=figures,
        chart=chart,
        note=outside.optional(observation.note),
    )


def bounded(observation: Observation) -> Observation:
    """`observation` cut to what may be stored and shown: 80 figures, 400 characters, 12 series of 20 points."""
    figures = {k: short(v) if isinstance(v, str) else v for k, v in list(observation.figures.items())[:MAX_FIGURES]}
    chart = observation.chart
    if chart is not None:
        series = tuple(Series(name=s.name, points=s.points[-MAX_POINTS:]) for s in chart.series[:MAX_SERIES])
        chart = Chart(title=short(chart.title, 150), unit=chart.unit, series=series, marks=chart.marks[:MAX_SERIES])
    note = None if observation.note is None else short(observation.note, 1000)
    return Observation(
        status=observation.status,
        summary=short(observation.summary),
        figures=clean(figures),
        chart=chart,
        note=note,
    )
