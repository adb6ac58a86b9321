"""What is on its way to the collector: a bounded queue per signal and one thread that empties it.

Nobody waits for a collector. While it is down or slow the queue fills, what no longer fits is dropped, and a counter
says how much; whoever logged or traced notices nothing. What it did not take just then stays in the queue and is sent
again, after the time it asked for: nothing is lost that the queue holds, until the process ends. The thread starts with
the first item in each process, so that a fork does not inherit a queue without its thread.
"""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Callable
from time import monotonic
from typing import Final, Generic, NamedTuple, TypeVar

T = TypeVar("T")

CAPACITY: Final = 8192
"""Items that wait at most, by default."""

_LONGEST_WAIT = 30.0
"""Seconds between two tries, unless the collector asks for more."""


class Again(NamedTuple):
    """Not now; `seconds`, where it was said, is how long to wait at least."""

    seconds: float


class Batch(Generic[T]):
    """`export` takes a batch and says how many of it were refused for good, or that it is to be sent again; what it
    raises for is lost. `lost` is told how many were."""

    def __init__(
        self,
        export: Callable[[list[T]], Again | int],
        *,
        lost: Callable[[int], None],
        capacity: int = CAPACITY,
        size: int = 512,
        seconds: float = 1.0,
    ) -> None:
        self._export = export
        self._lost = lost
        self._capacity = capacity
        self._size = size
        self._seconds = seconds
        self._queue: deque[T] = deque()
        self._wake = threading.Event()
        self._stop = threading.Event()
        self._exporting = threading.Lock()
        self._starting = threading.Lock()
        self._thread: threading.Thread | None = None
        self._pid = 0
        self._tries = 0
        self._next = 0.0
        self._closed = False

    def add(self, item: T) -> None:
        if self._closed or len(self._queue) >= self._capacity:
            self._lost(1)
            return
        self._queue.append(item)
        if self._pid != os.getpid():
            self._start()
        if len(self._queue) >= self._size:
            self._wake.set()

    def flush(self) -> None:
        """Send what is there, now and in the caller's thread; no further than the collector takes it."""
        with self._exporting:
            while self._queue and self._send():
                pass

    def close(self, timeout: float) -> None:
        """Send what is there, for at most `timeout` seconds; the rest is counted as lost."""
        self._stop.set()
        self._wake.set()
        thread = self._thread
        if thread is not None and self._pid == os.getpid():
            thread.join(timeout)
        self._closed = True
        left = len(self._queue)
        if left:
            self._queue.clear()
            self._lost(left)

    def _start(self) -> None:
        with self._starting:
            if self._pid == os.getpid():
                return
            if self._pid:
                # After a fork: the parent sends what was the parent's.
                newest = self._queue.pop()
                self._queue.clear()
                self._queue.append(newest)
                self._exporting, self._wake, self._stop = threading.Lock(), threading.Event(), threading.Event()
            self._pid = os.getpid()
            self._thread = threading.Thread(target=self._run, name="telemetry", daemon=True)
            self._thread.start()

    def _run(self) -> None:
        while not self._stop.is_set():
            self._wake.wait(self._seconds)
            self._wake.clear()
            while (wait := self._next - monotonic()) > 0 and not self._stop.wait(wait):
                pass
            self.flush()
        self.flush()

    def _send(self) -> bool:
        """Whether to go on."""
        batch: list[T] = []
        while self._queue and len(batch) < self._size:
            batch.append(self._queue.popleft())
        try:
            outcome = self._export(batch)
        except Exception:  # noqa: BLE001 telemetry must not break what it watches; what was lost is counted
            outcome = len(batch)
        if isinstance(outcome, Again):
            self._put_back(batch, outcome.seconds)
            return False
        self._tries = 0
        if outcome:
            self._lost(outcome)
        return True

    def _put_back(self, batch: list[T], seconds: float) -> None:
        self._next = monotonic() + max(seconds, min(self._seconds * 2**self._tries, _LONGEST_WAIT))
        self._tries += 1
        if self._closed:
            self._lost(len(batch))
            return
        self._queue.extendleft(reversed(batch))
        over = len(self._queue) - self._capacity
        for _ in range(over):
            self._queue.pop()
        if over > 0:
            self._lost(over)
