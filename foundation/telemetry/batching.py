"""What is on its way to the collector: a bounded queue per signal and one thread that empties it.

Nobody waits for a collector. While it is down or slow the queue fills, what no longer fits is dropped, and a counter
says how much; whoever logged or traced notices nothing. The thread starts with the first item in each process, so that
a fork does not inherit a queue without its thread.
"""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class Batch(Generic[T]):
    """`export` takes a batch and says whether it arrived; it may raise. `lost` is told how many did not."""

    def __init__(
        self,
        export: Callable[[list[T]], bool],
        *,
        lost: Callable[[int], None],
        capacity: int = 8192,
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

    def add(self, item: T) -> None:
        if len(self._queue) >= self._capacity:
            self._lost(1)
            return
        self._queue.append(item)
        if self._pid != os.getpid():
            self._start()
        if len(self._queue) >= self._size:
            self._wake.set()

    def flush(self) -> None:
        """Send what is there, now and in the caller's thread."""
        with self._exporting:
            while self._queue:
                self._send()

    def close(self, timeout: float) -> None:
        """Send what is there, for at most `timeout` seconds; the rest is counted as lost."""
        self._stop.set()
        self._wake.set()
        thread = self._thread
        if thread is not None and self._pid == os.getpid():
            thread.join(timeout)
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
            self.flush()
        self.flush()

    def _send(self) -> None:
        batch: list[T] = []
        while self._queue and len(batch) < self._size:
            batch.append(self._queue.popleft())
        try:
            arrived = self._export(batch)
        except Exception:  # noqa: BLE001 telemetry must not break what it watches; what was lost is counted
            arrived = False
        if not arrived:
            self._lost(len(batch))
