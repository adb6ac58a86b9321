"""Every score, kept in the offline store as the table `predictions`, without a request ever waiting for it."""

from __future__ import annotations

import logging
import threading
from collections import deque
from datetime import datetime
from typing import NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from foundation.errors import NotFound, VigiaError
from platform_core.features.offline.port import OfflineStore
from platform_core.serving.types import PredictionLog

TABLE = "predictions"

_logger = logging.getLogger(__name__)

SCHEMA = pa.schema(
    [
        ("ts", pa.timestamp("us", tz="UTC")),
        ("endpoint", pa.string()),
        ("tenant", pa.string()),
        ("model_version", pa.string()),
        ("variant", pa.string()),
        ("score", pa.float64()),
        ("declined", pa.bool_()),
        ("amount", pa.float64()),
        ("latency_ms", pa.float64()),
        ("store_ms", pa.float64()),
        ("model_ms", pa.float64()),
        ("degraded", pa.int64()),
    ]
)


class PredictionRow(NamedTuple):
    """One score, in the order of SCHEMA. Durations are milliseconds of the wall."""

    ts: datetime
    endpoint: str
    tenant: str
    model_version: str
    variant: str
    score: float
    declined: bool
    amount: float | None
    latency_ms: float
    store_ms: float
    model_ms: float
    degraded: int


class DeltaPredictionLog(PredictionLog):
    def __init__(self, offline: OfflineStore) -> None:
        self._offline = offline

    def read(self, start: datetime, end: datetime, *, endpoint: str | None = None) -> pa.Table:
        try:
            rows = self._offline.read(TABLE, start=start, end=end, time_column="ts")
        except NotFound:
            return SCHEMA.empty_table()
        rows = rows.select(SCHEMA.names).cast(SCHEMA)
        if endpoint is None:
            return rows
        return rows.filter(pc.call_function("equal", [rows["endpoint"], pa.scalar(endpoint)]))


class PredictionWriter:
    """Buffers rows and appends them from a thread of its own, about every `interval` seconds of the wall.

    `capacity` bounds the buffer: while the offline store does not answer, the oldest rows make way and are counted in
    `dropped`. `stop` appends what is left.
    """

    def __init__(self, offline: OfflineStore, *, interval: float = 1.0, capacity: int = 50_000) -> None:
        self._offline = offline
        self._interval = interval
        self._capacity = capacity
        self._rows: deque[PredictionRow] = deque()
        self._lock = threading.Lock()
        self._flushing = threading.Lock()
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self.dropped = 0

    def write(self, row: PredictionRow) -> None:
        with self._lock:
            self._rows.append(row)
            if len(self._rows) > self._capacity:
                self._rows.popleft()
                self.dropped += 1

    def start(self) -> None:
        self._thread = threading.Thread(target=self._run, name="prediction-log", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End the thread and append what is left. Rows that cannot be appended now are lost, and logged as such."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join()
        if not self.flush():
            _logger.error("%d predictions could not be logged before the end", len(self._rows))

    def flush(self) -> bool:
        """Append what is buffered; False when the offline store refused, and the rows are kept for the next time."""
        with self._flushing:
            with self._lock:
                rows, dropped = list(self._rows), self.dropped
            if not rows:
                return True
            columns = dict(zip(SCHEMA.names, zip(*rows, strict=True), strict=True))
            try:
                self._offline.append(TABLE, pa.table({n: list(v) for n, v in columns.items()}, schema=SCHEMA))
            except VigiaError as error:
                _logger.warning("predictions are kept in memory: %s", error)
                return False
            with self._lock:
                # Rows that made way while these were being appended were the oldest: they were in the batch after all.
                made_way = min(self.dropped - dropped, len(rows))
                self.dropped -= made_way
                for _ in range(len(rows) - made_way):
                    self._rows.popleft()
            return True

    def _run(self) -> None:
        while not self._stop.wait(self._interval):
            try:
                self.flush()
            except Exception:
                _logger.exception("a batch of predictions could not be logged")
