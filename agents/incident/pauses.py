"""How long to wait before what failed is tried again."""

from __future__ import annotations

LONGEST_PAUSE = 30.0
_DOUBLINGS = 6
"""2**6 halves of a second are over the longest pause; a count of failures grows without end and must not be a power."""


def pause_after(failures: int) -> float:
    """Seconds, after so many earlier failures in a row: half a second, doubled each time, half a minute at most."""
    return min(0.5 * 2 ** min(failures, _DOUBLINGS), LONGEST_PAUSE)
