"""What the prediction log lost is told, where people look: once per loss, and again until it could be told."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Final, Literal, NamedTuple

from foundation.errors import VigiaError
from foundation.ids import new_id

EVERY: Final[float] = 60.0
"""Seconds of the wall between two tellings of what is being dropped."""

_log = logging.getLogger(__name__)


class Loss(NamedTuple):
    """`killed`: a worker had taken so many rows when it ended without warning. `dropped`: so many made way or could not
    be logged. The `id` is the same however often it is told."""

    id: str
    rows: int
    why: Literal["killed", "dropped"]


Tell = Callable[[Loss], None]
"""Raises VigiaError while it cannot be told."""


class Losses:
    """Of one process; asked by its log's thread only. Without `tell` counting is all there is."""

    def __init__(self, tell: Tell | None = None, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._tell = tell
        self._monotonic = monotonic
        self._untold: list[tuple[Loss, Callable[[], None]]] = []
        self._dropped = 0
        self._next = 0.0

    def killed(self, worker: str, rows: int, told: Callable[[], None]) -> None:
        """`told` is called once it has been."""
        self._untold.append((Loss(f"lost_{worker}", rows, "killed"), told))

    def tell(self, dropped: int, *, last: bool = False) -> None:
        """What was not told yet; `dropped`: how many rows were, up to now."""
        more = dropped - self._dropped
        if more > 0 and (last or self._monotonic() >= self._next):
            self._dropped, self._next = dropped, self._monotonic() + EVERY
            self._untold.append((Loss(new_id("lost"), more, "dropped"), lambda: None))
        while self._untold:
            loss, told = self._untold[0]
            try:
                if self._tell is not None:
                    self._tell(loss)
            except VigiaError as error:
                _log.warning("%d lost predictions are not on the timeline yet: %s", loss.rows, error)
                return
            told()
            self._untold.pop(0)


__all__ = ["EVERY", "Loss", "Losses", "Tell"]
