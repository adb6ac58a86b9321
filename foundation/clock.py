"""Time as a port.

Production runs on `SystemClock`. The simulated platform runs faster than the wall (`ScaledClock`), so that a story of
an hour is told in a minute while every rate, freshness bound and expiry keeps its real proportions. Tests hold time in
their hand (`FixedClock`). Only transport concerns (Slack request signatures, HTTP timeouts, process supervision) read
the operating system's clock directly.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import Protocol


class Clock(Protocol):
    """Where `now` comes from. Datetimes are always aware and in UTC."""

    def now(self) -> datetime: ...

    @property
    def speed(self) -> float:
        """Seconds of this clock per second of the wall; 1.0 outside simulations."""
        ...


class SystemClock:
    """The operating system's clock."""

    speed: float = 1.0

    def now(self) -> datetime:
        return datetime.now(UTC)


class ScaledClock:
    """A clock that started at `origin` when the wall showed `started` and runs `speed` times as fast.

    Several processes that are given the same three numbers agree on the time.
    """

    def __init__(self, *, origin: datetime, started: datetime, speed: float) -> None:
        if speed <= 0:
            raise ValueError(f"speed must be positive, got {speed!r}")
        self._origin = origin.astimezone(UTC)
        self._started = started.timestamp()
        self.speed: float = speed

    def now(self) -> datetime:
        return self._origin + timedelta(seconds=(time.time() - self._started) * self.speed)


class FixedClock:
    """A clock that moves only when told to."""

    speed: float = 1.0

    def __init__(self, now: datetime) -> None:
        self._now = now.astimezone(UTC)

    def now(self) -> datetime:
        return self._now

    def advance(self, delta: timedelta) -> None:
        self._now += delta


def wall_seconds(clock: Clock, start: datetime, end: datetime) -> float:
    """Seconds of the wall between two times of `clock`: what an engineer waited, not what was simulated."""
    return (end - start).total_seconds() / clock.speed
