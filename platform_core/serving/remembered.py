"""The features that were read last, for when they cannot be read."""

from __future__ import annotations

import time
from collections.abc import Callable

from platform_core.serving.found import RowFeatures
from platform_core.serving.ports import Keys

CAPACITY = 20_000


class Remembered:
    """Of one endpoint, by the keys of a row; the rows that were read longest ago make way. For one thread at a time:
    each call is a few steps of a dict, and what it loses in a race is one memory."""

    def __init__(self, *, capacity: int = CAPACITY, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._capacity = capacity
        self._monotonic = monotonic
        self._rows: dict[Keys, tuple[float, RowFeatures]] = {}

    def __len__(self) -> int:
        return len(self._rows)

    def keep(self, keys: Keys, features: RowFeatures) -> None:
        rows = self._rows
        rows.pop(keys, None)  # so that it stands last again
        rows[keys] = (self._monotonic(), features)
        if len(rows) > self._capacity:
            rows.pop(next(iter(rows)), None)

    def recall(self, keys: Keys, seconds: float) -> RowFeatures | None:
        """What was read no longer than `seconds` ago."""
        found = self._rows.get(keys)
        if found is None or self._monotonic() - found[0] > seconds:
            return None
        return found[1]._replace(fallback="last_known_good")
