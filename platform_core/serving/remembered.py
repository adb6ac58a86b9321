"""The features that were read last, for when they cannot be read."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable

from platform_core.serving.found import RowFeatures
from platform_core.serving.ports import Keys

CAPACITY = 20_000


class Remembered:
    """Of one endpoint, by the keys of a row; the rows that were read longest ago make way. For any thread."""

    def __init__(self, *, capacity: int = CAPACITY, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._capacity = capacity
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._rows: OrderedDict[Keys, tuple[float, RowFeatures]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._rows)

    def keep(self, keys: Keys, features: RowFeatures) -> None:
        with self._lock:
            self._rows[keys] = (self._monotonic(), features)
            self._rows.move_to_end(keys)
            if len(self._rows) > self._capacity:
                self._rows.popitem(last=False)

    def recall(self, keys: Keys, seconds: float) -> RowFeatures | None:
        """What was read no longer than `seconds` ago."""
        with self._lock:
            found = self._rows.get(keys)
        if found is None or self._monotonic() - found[0] > seconds:
            return None
        return found[1]._replace(fallback="last_known_good")
