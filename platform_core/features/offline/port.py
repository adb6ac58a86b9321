"""The offline store: tables of events and of feature rows with history."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Protocol

import pyarrow as pa

from foundation.errors import Unavailable


class OfflineStore(Protocol):
    """Append-only tables by name (`payments_br`, `features_card_velocity`). Times are timestamp[us, UTC].

    Columns may come to a table later, or vanish from new rows (schema evolution): old rows then hold nulls.
    Raises NotFound for an unknown table, InvalidInput for a type that cannot be appended, Unavailable when the storage
    cannot be read.
    """

    def append(self, table: str, rows: pa.Table) -> int:
        """Append atomically; returns the table's new version."""
        ...

    def read(
        self,
        table: str,
        *,
        start: datetime | None = None,
        end: datetime | None = None,
        columns: list[str] | None = None,
        time_column: str = "event_ts",
    ) -> pa.Table:
        """Rows with start <= time_column < end."""
        ...

    def scan(
        self,
        table: str,
        *,
        start: datetime | None = None,
        end: datetime | None = None,
        columns: Sequence[str] | None = None,
        time_column: str = "event_ts",
    ) -> Iterator[pa.RecordBatch]:
        """What `read` reads, batch by batch and in no order, in memory that does not grow with the table.

        Strings may come as dictionaries of strings.
        """
        yield from self.read(
            table, start=start, end=end, columns=None if columns is None else list(columns), time_column=time_column
        ).to_batches()

    def schema(self, table: str) -> pa.Schema: ...

    def tables(self) -> list[str]: ...


class ArrivalsForgotten(Unavailable):
    """The store no longer knows what arrived after a version (its log was cleaned); the rows themselves are there."""


class ArrivalFeed(OfflineStore, Protocol):
    """An offline store that also tells what arrived when: materialization follows versions, not event time, so that a
    late row is never missed."""

    def version(self, table: str) -> int:
        """The newest version; versions count appends and grow by at least one with each."""
        ...

    def read_version(
        self,
        table: str,
        version: int,
        *,
        start: datetime,
        end: datetime | None = None,
        columns: Sequence[str] | None = None,
        time_column: str = "event_ts",
    ) -> pa.Table:
        """Rows with start <= time_column < end, as the table was at `version`. Raises ArrivalsForgotten when that is
        lost."""
        ...

    def scan_version(
        self,
        table: str,
        version: int,
        *,
        start: datetime,
        end: datetime | None = None,
        columns: Sequence[str] | None = None,
        time_column: str = "event_ts",
    ) -> Iterator[pa.RecordBatch]:
        """What `read_version` reads, as `scan` does."""
        yield from self.read_version(
            table, version, start=start, end=end, columns=columns, time_column=time_column
        ).to_batches()

    def appended(self, table: str, *, after: int) -> Iterator[tuple[int, pa.Table]]:
        """What each version after `after` added, oldest first; rewritten files (compaction) are not additions.

        Read as it is asked for, a file or less at a time: a version comes in as many parts, one after the other. Raises
        ArrivalsForgotten when what followed `after` is lost.
        """
        ...
