"""Takes the rows of the prediction log from the requests, and brings them to the offline store in a thread of its own.

A request hands over a row and goes on. What the store does not take is kept in memory and then on the disk; what
neither holds is dropped, oldest first, and counted. A worker that is killed loses what it took since the last append
(`interval`, a second by default) and nothing else, and how many rows that were is told by the next one that starts
(`platform_core.serving.prediction_log_spill`). A batch that was appended just before the kill may be appended again:
`request_id` tells.

A row that cannot be logged at all is looked for by halves, left out and counted as dropped: it must not keep all the
others from the log for ever.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable, Sequence
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import pyarrow as pa

from foundation.errors import VigiaError
from platform_core.features.offline.port import OfflineStore
from platform_core.serving.prediction_log_losses import Losses, Tell
from platform_core.serving.prediction_log_rows import (
    ERRORS,
    ERRORS_TABLE,
    TABLE,
    WHOLE,
    Batch,
    PredictionErrorRow,
    PredictionRow,
    columns,
    table_of,
)
from platform_core.serving.prediction_log_shadows import shadow_scores
from platform_core.serving.prediction_log_spill import Spill

_logger = logging.getLogger(__name__)

BATCH = 10_000
"""Rows in one append: what the conversion to Arrow holds at once."""

_FORGOTTEN_AT_ONCE = 500


class PredictionWriter:
    """Buffers rows and appends them about every `interval` seconds of the wall.

    `capacity` bounds the rows in memory. `spill` is the directory below which batches wait that the store refused;
    without one they wait in memory only. `pseudonym` makes what is stored of an entity's key; without one no key is
    stored. `tell` is called, in the log's thread, about what was lost. `stop` appends what is left.
    """

    def __init__(
        self,
        offline: OfflineStore,
        *,
        interval: float = 1.0,
        capacity: int = 50_000,
        spill: Path | None = None,
        pseudonym: Callable[[str], str] | None = None,
        tell: Tell | None = None,
    ) -> None:
        self._offline = offline
        self._interval = interval
        self._capacity = capacity
        self._spill_root = spill
        self._spill: Spill | None = None
        self._pseudonym = pseudonym
        self._losses = Losses(tell)
        self._rows: deque[PredictionRow | PredictionErrorRow] = deque()
        self._lock = threading.Lock()
        self._flushing = threading.Lock()
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self.dropped = 0
        """Rows that made way in this process, or could not be kept at its end."""
        self.lost = 0
        """Rows that processes before this one took and were killed with."""
        self.appended, self.unscored = 0, 0
        """`unscored`: shadow scores that were not made, as the model failed."""

    @property
    def buffered(self) -> int:
        return len(self._rows)

    @property
    def spilled(self) -> int:
        """Batches that wait on the disk."""
        return 0 if self._spill is None else self._spill.waiting

    def write(self, row: PredictionRow | PredictionErrorRow) -> None:
        with self._lock:
            if self._spill is not None:
                self._spill.accept()
            self._rows.append(row)
            if len(self._rows) > self._capacity:
                self._rows.popleft()
                self.dropped += 1
                if self._spill is not None:
                    self._spill.keep(1)

    def start(self) -> None:
        if self._spill_root is not None:
            spill = self._spill = Spill(self._spill_root)
            for worker, rows in spill.adopt().items():
                self.lost += rows
                self._losses.killed(worker, rows, partial(spill.told, worker))
        self._thread = threading.Thread(target=self._run, name="prediction-log", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End the thread and append what is left; what the store does not take then waits on the disk. Rows that
        cannot be kept anywhere are lost, and logged as such."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join()
        if not self.flush() and not self._put_aside():
            _logger.error("%d predictions could not be logged before the end", len(self._rows))
            self.dropped += len(self._rows)
            self._rows.clear()
        self._losses.tell(self.dropped, last=True)
        if self._spill is not None:
            self._spill.close()
            self._spill = None

    def flush(self) -> bool:
        """Append what waits on the disk and what is buffered now; False when the offline store refused, and the rows
        are kept for the next time."""
        with self._flushing:
            if not self._append_waiting():
                return False
            return self._each_batch(self._append)

    def _each_batch(self, bring: Callable[[Batch], bool]) -> bool:
        """Bring away all that is buffered now; False as soon as `bring` says so. Where it raises, the batch is halved
        until the row is found that it raises for."""
        due, size = len(self._rows), BATCH
        while due > 0 and (batch := self._take_batch(size)):
            try:
                if not bring(batch):
                    return False
            except Exception:
                if len(batch.rows) > 1:
                    size = len(batch.rows) // 2
                    continue
                _logger.exception("a prediction cannot be logged and is left out")
                may_be_the_store = self._converts(batch)
                self._leave_out(batch)
                if may_be_the_store:  # one row at a time then: the next ones get their chance later
                    return False
            due -= len(batch.rows)
            size = min(size * 2, BATCH)
        return True

    def _take_batch(self, size: int) -> Batch | None:
        with self._lock:
            rows = list(islice(self._rows, size))
            return Batch(rows, self.dropped) if rows else None

    def _converts(self, batch: Batch) -> bool:
        try:
            self._tables(batch.rows)
        except Exception:  # noqa: BLE001 said already
            return False
        return True

    def _leave_out(self, batch: Batch) -> None:
        """The only row of `batch`, unless it made way and was counted already."""
        with self._lock:
            if self.dropped == batch.dropped:
                self._rows.popleft()
                self.dropped += 1
                if self._spill is not None:
                    self._spill.keep(1)

    def _append(self, batch: Batch) -> bool:
        tables = self._tables(batch.rows)
        for place, (table, rows) in enumerate(tables):
            try:
                self._offline.append(table, rows)
            except VigiaError as error:
                _logger.warning("predictions are kept for later: %s", error)
                self.appended += self._forget_tables(batch, [name for name, _ in tables[:place]])
                return self._spill_when_full()
            except Exception:
                self.appended += self._forget_tables(batch, [name for name, _ in tables[:place]])
                raise
        self._forget(batch)
        self.appended += len(batch.rows)
        return True

    def _forget_tables(self, batch: Batch, tables: Sequence[str]) -> int:
        """The rows of these tables only, which are written: they must not be so again. Returns how many they were."""
        if not tables:
            return 0
        with self._lock:
            made_way = min(self.dropped - batch.dropped, len(batch.rows))
            written = [table_of(row) in tables for row in batch.rows]
            for _ in batch.rows[made_way:]:
                self._rows.popleft()
            left = [row for row, done in zip(batch.rows[made_way:], written[made_way:], strict=True) if not done]
            self._rows.extendleft(reversed(left))
            self.dropped -= sum(written[:made_way])
            if self._spill is not None:
                self._spill.keep(sum(written[made_way:]))
        return sum(written)

    def _forget(self, batch: Batch) -> None:
        left = len(batch.rows)
        while left > 0:
            with self._lock:  # for a few rows at a time: requests wait for it
                # Rows that made way while these were being appended were the oldest: they were in the batch after all.
                made_way = min(self.dropped - batch.dropped, left)
                self.dropped -= made_way
                now = min(left - made_way, _FORGOTTEN_AT_ONCE)
                for _ in range(now):
                    self._rows.popleft()
                if self._spill is not None:
                    self._spill.keep(now)
                left -= made_way + now

    def _spill_when_full(self) -> bool:
        """False; rows go to the disk once half of the memory is taken."""
        if len(self._rows) * 2 > self._capacity:
            self._put_aside()
        return False

    def _put_aside(self) -> bool:
        """All that is buffered to the disk; whether nothing is left."""
        return self._each_batch(self._lay_aside) and not self._rows

    def _lay_aside(self, batch: Batch) -> bool:
        if self._spill is None:
            return False
        tables = self._tables(batch.rows)
        for place, (table, rows) in enumerate(tables):
            if not self._spill.write(table, rows):
                self._forget_tables(batch, [name for name, _ in tables[:place]])
                return False
        self._forget(batch)
        return True

    def _append_waiting(self) -> bool:
        try:
            while self._spill is not None and (waiting := self._spill.oldest()):
                table, rows, file = waiting
                try:
                    self._offline.append(table, rows)
                except VigiaError:
                    raise
                except Exception:
                    _logger.exception("the predictions in %s could not be appended", file)
                    self._spill.later(file)
                    return self._spill_when_full()
                self.appended += len(rows)
                self._spill.done(file)
        except VigiaError as error:
            _logger.warning("predictions go on waiting on the disk: %s", error)
            with self._lock:
                self.dropped += 0 if self._spill is None else self._spill.take_broken()
            return self._spill_when_full()
        return True

    def _tables(self, rows: list[PredictionRow | PredictionErrorRow]) -> list[tuple[str, pa.Table]]:
        answers = [row for row in rows if isinstance(row, PredictionRow)]
        errors = [row for row in rows if isinstance(row, PredictionErrorRow)]
        found: list[tuple[str, pa.Table]] = []
        if answers:
            more = {"shadow_scores": shadow_scores(answers, self._not_scored)}
            found.append((TABLE, self._table(columns(answers, WHOLE) | more, WHOLE)))
        if errors:
            found.append((ERRORS_TABLE, self._table(columns(errors, ERRORS), ERRORS)))
        return found

    def _table(self, values: dict[str, list[Any]], schema: pa.Schema) -> pa.Table:
        hide = self._pseudonym
        values["entity"] = [None if key is None or hide is None else hide(key) for key in values["entity"]]
        return pa.table(values, schema=schema)

    def _not_scored(self, rows: int) -> None:
        self.unscored += rows

    def _run(self) -> None:
        while not self._stop.wait(self._interval):
            try:
                self.flush()
                self._losses.tell(self.dropped)
            except Exception:
                _logger.exception("a batch of predictions could not be logged")
