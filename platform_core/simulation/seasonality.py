"""How busy an hour is: local hour of the day and day of the week."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import numpy.typing as npt

PAYMENTS_PER_SECOND = 0.5
"""Mean over a week, all countries together, on the platform's clock."""

_HOURS = np.array([6, 5, 5, 5, 5, 5, 6, 8, 10, 11, 12, 13, 14, 13, 12, 12, 13, 14, 15, 15, 14, 12, 10, 8], dtype=float)
_DAYS = np.array([0.95, 0.95, 0.97, 1.0, 1.12, 1.08, 0.93])  # Monday first
_HOUR_FACTORS = _HOURS / _HOURS.mean()
_DAY_FACTORS = _DAYS / _DAYS.mean()

_GRID_SECONDS = 600


def _rates(seconds: npt.NDArray[np.float64], utc_offset_hours: int) -> npt.NDArray[np.float64]:
    """Relative intensity (mean 1 over a week) at Unix times `seconds`; hours blend linearly into each other."""
    local_hours = (seconds / 3600 + utc_offset_hours) % 24
    day = (((seconds / 3600 + utc_offset_hours) // 24).astype(np.int64) + 3) % 7  # 1 January 1970 was a Thursday
    low = local_hours.astype(np.int64)
    blend = local_hours - low
    hour = _HOUR_FACTORS[low] * (1 - blend) + _HOUR_FACTORS[(low + 1) % 24] * blend
    return hour * _DAY_FACTORS[day]


def intensity(at: datetime, utc_offset_hours: int) -> float:
    """Relative intensity at one moment; 1.0 is the mean of a week."""
    return float(_rates(np.array([at.timestamp()]), utc_offset_hours)[0])


class Arrivals:
    """An inhomogeneous Poisson process over [start, end), by inversion of its cumulative intensity."""

    def __init__(self, start: datetime, end: datetime, *, utc_offset_hours: int, per_second: float) -> None:
        first, last = start.timestamp(), end.timestamp()
        steps = max(int(np.ceil((last - first) / _GRID_SECONDS)), 1)
        self._edges = np.linspace(first, last, steps + 1)
        middles = (self._edges[1:] + self._edges[:-1]) / 2
        mass = _rates(middles, utc_offset_hours) * np.diff(self._edges) * per_second
        self._cumulative = np.concatenate([[0.0], np.cumsum(mass)])

    @property
    def expected(self) -> float:
        return float(self._cumulative[-1])

    def times(self, rng: np.random.Generator, count: int) -> npt.NDArray[np.float64]:
        """`count` sorted Unix times distributed as the intensity."""
        mass = np.sort(rng.uniform(0, self._cumulative[-1], count))
        return np.interp(mass, self._cumulative, self._edges)


def floor_minute(at: datetime) -> datetime:
    return at.astimezone(UTC) - timedelta(seconds=at.second, microseconds=at.microsecond)
