"""How much looking one text is worth. What is over it is blocked, not passed on unlooked."""

from __future__ import annotations

import time
from collections.abc import Callable

from guardrails.redaction.errors import RedactionBlocked

CANDIDATE = 32
"""What looking at one candidate costs, in bytes of scanning that take as long."""

_PER_BYTE = 64
_AT_LEAST = 1 << 20
_OFTEN = 1 << 16
"""Work between two looks at the clock: well under a millisecond."""


class Budget:
    """Counts the work on one text: `work` is in bytes scanned. Raises RedactionBlocked when it, or the time, is over.

    Work is bounded by 64 times the text (never less than a megabyte): one text is looked at in a handful of forms, and
    what is encoded in it becomes shorter when it is decoded, so only a text made to be slow comes near.
    """

    def __init__(self, size: int, *, seconds: float, timer: Callable[[], float] = time.perf_counter) -> None:
        self.work = 0
        self._allowed = max(_AT_LEAST, size * _PER_BYTE)
        self._timer = timer
        self._until = timer() + seconds
        self._look_at_the_time = 0

    def spend(self, work: int) -> None:
        self.work += work
        if self.work > self._allowed:
            raise RedactionBlocked(
                "the text takes too much work to be looked at", hint="it nests encodings; it was withheld whole"
            )
        if self.work < self._look_at_the_time:
            return
        self._look_at_the_time = self.work + _OFTEN
        if self._timer() > self._until:
            raise RedactionBlocked(
                "looking at the text took too long", hint="it was withheld whole; redact it in smaller parts"
            )
