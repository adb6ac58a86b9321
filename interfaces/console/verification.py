"""Verifying the audit log reads all of it: once for a head of the log, not once for every look at the page."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from audit.log import TreeHead
from audit.replay import VerificationReport

KEEP_SECONDS = 60.0
"""On the wall. An entry changed behind the log's back does not move its head, so a report does not hold for long."""


class RecentVerification:
    """The last report, while the log is as it was then. Many who ask at once wait for one verification."""

    def __init__(
        self, verify: Callable[[], VerificationReport], *, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._verify = verify
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._last: tuple[TreeHead, float, VerificationReport] | None = None

    def of(self, head: TreeHead) -> VerificationReport:
        with self._lock:
            now = self._monotonic()
            if self._last is not None:
                seen, made, report = self._last
                if seen == head and now - made < KEEP_SECONDS:
                    return report
            report = self._verify()
            self._last = (head, now, report)
            return report
