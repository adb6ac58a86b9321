"""Times of entity rows as microseconds since the epoch, exactly, whatever unit and zone they came in."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from foundation.errors import InvalidInput

Integers = npt.NDArray[np.int64]

_PER_MICROSECOND = {"ns": 1000}
_MICROSECONDS = {"s": 1_000_000, "ms": 1000, "us": 1}


@dataclass(frozen=True)
class Moments:
    """Feature rows have whole microseconds, so that a moment between two of them is one pair of bounds: event times up
    to `floor` are not later than the moment, event times from `ceiling - ttl` on are not older than the ttl."""

    floor: Integers
    ceiling: Integers

    @cached_property
    def rank(self) -> Integers:
        """Of each moment its place among all of them; in the order they came in where they are equal."""
        ranks = np.empty(len(self.floor), np.int64)
        # Finer moments of one microsecond differ by their ceilings; nanoseconds are far from where a sum overflows.
        times = self.floor if self.ceiling is self.floor else self.floor + self.ceiling
        ranks[np.argsort(times, kind="stable")] = np.arange(len(times))
        return ranks


def moments(column: pa.ChunkedArray, name: str) -> Moments:
    """Raises InvalidInput, naming the column and the row, for anything but moments."""
    dtype = column.type
    if not pa.types.is_timestamp(dtype):
        raise InvalidInput(
            f"the column {name!r} of the entity rows is {dtype}", hint="give timestamps with a zone, e.g. UTC"
        )
    if dtype.tz is None:
        raise InvalidInput(
            f"the column {name!r} of the entity rows has times without a zone",
            hint="say which: pandas tz_localize('UTC'), polars dt.replace_time_zone('UTC'), arrow timestamp[us, UTC]",
        )
    if column.null_count:
        row = pc.index(column.is_null(), True).as_py() + 1
        raise InvalidInput(f"row {row} of the entity rows has no {name!r}", hint="drop the row, or give it a time")
    ticks = column.cast(pa.int64()).to_numpy().astype(np.int64, copy=False)
    if per := _PER_MICROSECOND.get(dtype.unit):
        floor = ticks // per
        return Moments(floor, floor + (ticks % per != 0))
    factor = _MICROSECONDS[dtype.unit]
    limit = np.iinfo(np.int64).max // factor
    if len(ticks) and (ticks.max() > limit or ticks.min() < -limit):
        row = int(np.flatnonzero(np.abs(ticks) > limit)[0]) + 1
        message = f"row {row} of the entity rows has a {name!r} beyond what microseconds can count"
        raise InvalidInput(message, hint=f"it is {dtype}: were its numbers of a finer unit?")
    micros = ticks * factor
    return Moments(micros, micros)
