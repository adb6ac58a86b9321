"""A column over time: when it changed, what it was before and after. Shared by the probes that need an onset."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np

from platform_core.catalog.specs import DataSource
from platform_core.view import PlatformView
from tools.contract import Window
from tools.reading import Floats, Times, floats_of, nulls_of, read_rows, times_of
from tools.statistics import (
    MIN_SEGMENT,
    change_point,
    logs,
    median_error,
    quantile,
    rate_change_point,
    shape_distance,
    spread,
    unit_factor,
)

SIGNIFICANT = 0.01
"""Bonferroni-bounded tail probability below which a change point is reported as a change."""


@dataclass(frozen=True)
class ColumnProfile:
    """Rows of one column in event order and its most likely changes of level and of null rate."""

    times: Times
    values: Floats
    nulls: Floats
    """1.0 where null."""
    value_changed_at: datetime | None
    nulls_changed_at: datetime | None
    arrived_at: datetime | None
    """When the first row after the first of both changes was stored. A payment happens before it is published: its
    event time may lie before the deploy that spoiled it."""

    before: Floats
    after: Floats
    """Values that are not null, on both sides of the value change (all of them in `before` when there is none)."""

    @property
    def changed_at(self) -> datetime | None:
        """When the first of both changes began."""
        both = [t for t in (self.value_changed_at, self.nulls_changed_at) if t is not None]
        return min(both) if both else None


def column_profile(platform: PlatformView, source: DataSource, column: str, window: Window) -> ColumnProfile:
    """Read `column` in `window` and find its changes. Raises NotFound for an unknown table."""
    table = read_rows(platform, source, [column, source.created_timestamp], window.start, window.end)
    times, stored = times_of(table, source.event_timestamp), times_of(table, source.created_timestamp)
    values = floats_of(table, column)
    nulls = nulls_of(table, column).astype(np.float64)
    present = ~np.isnan(values)
    kept, kept_times = values[present], times[present]
    found = change_point(kept)
    moved = found is not None and found.p < SIGNIFICANT
    index = found.index if found is not None and moved else kept.size
    null_point = rate_change_point(nulls)
    nulls_moved = null_point is not None and null_point.p < SIGNIFICANT
    places = [int(np.flatnonzero(present)[index])] if moved else []
    places += [null_point.index] if null_point is not None and nulls_moved else []
    return ColumnProfile(
        times=times,
        values=values,
        nulls=nulls,
        value_changed_at=moment(kept_times[index]) if moved else None,
        nulls_changed_at=moment(times[null_point.index]) if null_point is not None and nulls_moved else None,
        arrived_at=moment(stored[min(places) :].min()) if places else None,
        before=kept[:index],
        after=kept[index:],
    )


def nulls_began(platform: PlatformView, source: DataSource, window: Window) -> datetime | None:
    """When the first row was stored since the null rate of any column changed; None when none did. Stricter than for
    one column: many are looked at."""
    names = [c.name for c in source.columns if c.name not in (source.event_timestamp, source.created_timestamp)]
    table = read_rows(platform, source, [*names, source.created_timestamp], window.start, window.end)
    stored = times_of(table, source.created_timestamp)
    found: list[datetime] = []
    for name in names:
        point = rate_change_point(nulls_of(table, name).astype(np.float64))
        if point is not None and point.p < SIGNIFICANT / len(names):
            found.append(moment(stored[point.index :].min()))
    return min(found, default=None)


@dataclass(frozen=True)
class Comparison:
    """Two samples of positive amounts compared on the log scale; of other numbers, on their own."""

    p50_before: float | None
    p50_after: float | None
    p90_before: float | None
    p90_after: float | None
    ratio: float | None
    unit_factor: float | None
    shape_distance: float | None
    shape_noise: float | None
    spread_ratio: float | None

    @property
    def same_shape(self) -> bool | None:
        if self.shape_distance is None or self.shape_noise is None:
            return None
        return self.shape_distance <= self.shape_noise


def compare(before: Floats, after: Floats) -> Comparison:
    """What happened to a distribution between two samples; None wherever there are too few rows to say."""
    p50_before, p50_after = quantile(before, 0.5), quantile(after, 0.5)
    ratio = p50_after / p50_before if p50_after is not None and p50_before else None
    factor = distance = noise = spread_ratio = None
    if before.size >= MIN_SEGMENT and after.size >= MIN_SEGMENT:
        log_before, log_after = logs(before), logs(after)
        if log_before is not None and log_after is not None:
            shift = float(np.median(log_after) - np.median(log_before))
            factor = unit_factor(shift, math.hypot(median_error(log_before), median_error(log_after)))
            distance, noise = shape_distance(log_before, log_after)
            width = spread(log_before)
            spread_ratio = spread(log_after) / width if width > 0 else None
    return Comparison(
        p50_before=p50_before,
        p50_after=p50_after,
        p90_before=quantile(before, 0.9),
        p90_after=quantile(after, 0.9),
        ratio=ratio,
        unit_factor=factor,
        shape_distance=distance,
        shape_noise=noise,
        spread_ratio=spread_ratio,
    )


def moment(microseconds: np.int64) -> datetime:
    """Microseconds since the epoch as an aware datetime, exactly."""
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=int(microseconds))


def moved(before: Floats, after: Floats) -> tuple[float | None, bool]:
    """Ratio of the medians, and whether it is a change: over 25 % and over 3.5 standard errors on the log scale."""
    log_before, log_after = logs(before), logs(after)
    if log_before is None or log_after is None:
        return None, False
    shift = float(np.median(log_after) - np.median(log_before))
    error = math.hypot(median_error(log_before), median_error(log_after))
    return math.exp(shift), abs(shift) > max(3.5 * error, math.log(1.25))
