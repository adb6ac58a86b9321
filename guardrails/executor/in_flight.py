"""Which executions this process is working on, so that two of its threads do not settle the same one."""

from __future__ import annotations

import threading
from collections.abc import Generator
from contextlib import contextmanager


class InFlight:
    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._ids: set[str] = set()

    @contextmanager
    def holding(self, execution_id: str) -> Generator[bool]:
        """True for one holder of `execution_id` at a time, False for the others."""
        with self._lock:
            mine = execution_id not in self._ids
            self._ids.add(execution_id)
        try:
            yield mine
        finally:
            if mine:
                with self._lock:
                    self._ids.discard(execution_id)
