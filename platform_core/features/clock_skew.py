"""Rows from the future: what a clock that runs ahead writes.

No row can tell of something that happens after it was written. A row whose event time lies more than `MAX_CLOCK_SKEW`
after its created time is wrong about its own time; believed, it would hide all later rows of its key until that time
comes. The test needs nothing but the row itself, so that every reader comes to the same verdict at any time.
"""

from __future__ import annotations

from datetime import timedelta

MAX_CLOCK_SKEW = timedelta(minutes=10)
"""How far an event time may lie after the row's created time, and a row after the clock of the store it is written to.
Far over what synchronised clocks differ by, far under what a wrong zone (1 h and more) does."""
