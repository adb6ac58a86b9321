"""Feature rows on their way offline, and how far each view has come: written together, every few seconds.

A Delta append costs some 15 ms whatever its size, so that one append per view and checkpoint replaces one per tenant
and second. The rows go first, then the progress: a crash in between repeats work, and loses none.
"""

from __future__ import annotations

import logging
import time

import pyarrow as pa

from platform_core.features.feature_rows import offline_table
from platform_core.features.leases import LeaseHeld
from platform_core.features.offline.arrow import unified
from platform_core.features.offline.port import OfflineStore
from platform_core.features.progress import Progress, ProgressStore

_log = logging.getLogger(__name__)


class Checkpoints:
    """`every_s`: seconds of the wall between two checkpoints of a view. Not thread-safe: its owner takes turns."""

    def __init__(self, offline: OfflineStore, store: ProgressStore, every_s: float) -> None:
        self._offline = offline
        self._store = store
        self._every_s = every_s
        self._current: dict[tuple[str, str], Progress] = {}
        self._saved: dict[tuple[str, str], Progress] = {}
        self._rows: dict[str, list[pa.Table]] = {}
        self._saved_at: dict[str, float] = {}

    def progress(self, view: str, tenant: str) -> Progress | None:
        key = view, tenant
        if key not in self._current and (stored := self._store.load(view, tenant)) is not None:
            self._current[key] = self._saved[key] = stored
        return self._current.get(key)

    def add(self, view: str, rows: pa.Table) -> None:
        """Rows in the shape of the view's offline table."""
        if len(rows):
            self._rows.setdefault(view, []).append(rows)

    def advance(self, view: str, tenant: str, progress: Progress) -> None:
        self._current[view, tenant] = progress

    def forget(self, view: str, tenant: str) -> None:
        """Somebody else may have advanced it since: the stored progress counts."""
        self._current.pop((view, tenant), None)
        self._saved.pop((view, tenant), None)

    def write_if_due(self, view: str) -> None:
        now = time.monotonic()
        if now - self._saved_at.setdefault(view, now) >= self._every_s:
            self.write(view)

    def write(self, view: str) -> None:
        """Raises Unavailable and keeps everything for the next time when a store does not take it.

        Progress of a tenant whose lease was lost is dropped: its rows are the successor's to count.
        """
        if rows := self._rows.get(view):
            self._offline.append(offline_table(view), unified(rows))
            self._rows[view] = []
        for key, progress in list(self._current.items()):
            if key[0] == view and self._saved.get(key) != progress:
                try:
                    self._store.save(*key, progress)
                except LeaseHeld as held:
                    self.forget(*key)
                    _log.warning("%s", held)
                else:
                    self._saved[key] = progress
        self._saved_at[view] = time.monotonic()

    def write_all(self) -> None:
        for view in {view for view, _ in self._current}:
            self.write(view)
