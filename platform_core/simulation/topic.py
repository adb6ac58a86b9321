"""A topic: an append-only log of published rows with offsets, as a Kafka partition is."""

from __future__ import annotations

from bisect import bisect_right
from threading import Lock

import pyarrow as pa


class Topic:
    """Rows keep the columns they were published with. Offsets count rows from 0; what its one consumer has committed
    is deleted."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._lock = Lock()
        self._batches: list[pa.Table] = []
        self._starts: list[int] = []
        self._end = 0

    @property
    def end(self) -> int:
        """The offset the next row will get."""
        return self._end

    def publish(self, rows: pa.Table) -> int:
        """Append `rows`; returns the new end."""
        with self._lock:
            if rows.num_rows:
                self._batches.append(rows)
                self._starts.append(self._end)
                self._end += rows.num_rows
            return self._end

    @property
    def retained(self) -> int:
        """Rows that are still kept."""
        with self._lock:
            return sum(batch.num_rows for batch in self._batches)

    def delete_before(self, offset: int) -> None:
        """Let go of the batches that end at or before `offset`."""
        with self._lock:
            gone = bisect_right([start + len(b) for start, b in zip(self._starts, self._batches, strict=True)], offset)
            del self._batches[:gone], self._starts[:gone]

    def read(self, offset: int) -> pa.Table | None:
        """All rows from `offset` on, the union of their columns (nulls where a row had none); None at the end."""
        with self._lock:
            if offset >= self._end:
                return None
            first = bisect_right(self._starts, offset) - 1
            batches = list(self._batches[first:])
            skip = offset - self._starts[first]
        batches[0] = batches[0].slice(skip)
        return pa.concat_tables(batches, promote_options="default")
