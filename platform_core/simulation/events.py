"""Payments in the making: columns of index numbers, before they become a table."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Events:
    """Sorted by `time` (Unix seconds). `card`, `device`, `merchant` index the population's names; `multiple`
    multiplies what is usual at that merchant."""

    time: Floats
    card: Ints
    device: Ints
    merchant: Ints
    multiple: Floats
    fraud: Mask

    def __len__(self) -> int:
        return len(self.time)

    def select(self, chosen: Mask | Ints) -> Events:
        return Events(
            self.time[chosen],
            self.card[chosen],
            self.device[chosen],
            self.merchant[chosen],
            self.multiple[chosen],
            self.fraud[chosen],
        )


def no_events() -> Events:
    none = np.empty(0, dtype=np.int64)
    return Events(np.empty(0), none, none, none, np.empty(0), np.empty(0, dtype=np.bool_))


def merged(parts: list[Events]) -> Events:
    events = Events(
        np.concatenate([p.time for p in parts]),
        np.concatenate([p.card for p in parts]),
        np.concatenate([p.device for p in parts]),
        np.concatenate([p.merchant for p in parts]),
        np.concatenate([p.multiple for p in parts]),
        np.concatenate([p.fraud for p in parts]),
    )
    return events.select(np.argsort(events.time, kind="stable"))
