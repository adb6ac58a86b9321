"""The usual volume follows the season: the week's where it was seen often enough, else the day's."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pyarrow as pa
import pytest

from platform_core.monitoring.volume import VolumeMonitor
from tests.fakes.monitored import NOW, TIMESTAMP, Monitored

DAY = timedelta(days=1)
WEEKLY = (10, 10, 10, 10, 10, 2, 2)
"""Rows a minute from Monday to Sunday."""


def company(days: int, weekly: tuple[int, ...], lately: int, now_of_week: int) -> Monitored:
    """`days` of history up to now, which is at the clock's time on that weekday; `lately` rows in the last minutes."""
    platform = Monitored()
    now = NOW + DAY * ((now_of_week - NOW.weekday()) % 7)
    platform.clock.advance(now - platform.clock.now())
    per_minute = np.array(weekly)
    minutes = np.arange(int((now - days * DAY).timestamp()) // 60, int(now.timestamp()) // 60)
    rows = per_minute[(minutes // 1440 + 3) % 7]  # the epoch was a Thursday
    rows[-40:] = 0
    times = np.concatenate([np.repeat(minutes, rows), np.repeat(minutes[-18:-3], lately)]) * 60_000_000
    platform.offline.append("payments_br", pa.table({"event_ts": pa.array(times).cast(TIMESTAMP)}))
    platform.watch("volume-payments_br", "urn:vigia:source:payments_br", 0.4)
    return platform


@pytest.mark.parametrize(
    ("days", "weekday", "lately", "said"),
    [
        (28, 6, 2, None),  # a Sunday like every Sunday
        (28, 6, 0, "0 rows in 15 min, usually 30 at this time of the week"),
        (28, 0, 10, None),
        (28, 0, 2, "30 rows in 15 min, usually 150 at this time of the week"),
        (9, 6, 2, "30 rows in 15 min, usually 1"),  # nobody knows Sundays yet
        (9, 0, 10, None),
    ],
)
def test_a_weekend_is_judged_by_weekends(days: int, weekday: int, lately: int, said: str | None) -> None:
    platform = company(days, WEEKLY, lately, weekday)
    monitor = VolumeMonitor()
    found = monitor.check(platform.view)
    assert monitor.blind == {}
    assert bool(found) == (said is not None)
    if said is not None:
        assert said in found[0].summary
        assert ("of the day" in found[0].summary) == (days < 14)
    if days >= 14:
        usual = 10 if weekday == 0 else 2
        assert monitor.readings["volume-payments_br"] == pytest.approx(lately / usual, rel=0.05)
