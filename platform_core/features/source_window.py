"""The recent events of one source, kept in memory and followed by version.

All views of a source compute from one window: rereading a day of a table for each view every second would cost more
than everything else. A window holds catalog columns, the version each row arrived with, and no event twice.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from math import inf
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.compute

from platform_core.catalog.specs import DataSource
from platform_core.features.clock_skew import MAX_CLOCK_SKEW
from platform_core.features.offline.port import ArrivalFeed, ArrivalsForgotten
from platform_core.features.source_rows import (
    EVENT_ID,
    LATENESS,
    Arrival,
    catalog_rows,
    describe,
    first_delivered,
    joined,
    stored_since,
    thinned,
)
from platform_core.features.transformations import quote

_log = logging.getLogger(__name__)
_compute: Any = pyarrow.compute  # its kernels are made at import time: no type checker sees them

_ARRIVALS = 1000
_SLACK = timedelta(hours=6)
_TRIM = timedelta(hours=6)
_SQL_TYPES = {
    "int64": "BIGINT",
    "float64": "DOUBLE",
    "string": "VARCHAR",
    "bool": "BOOLEAN",
    "timestamp": "TIMESTAMPTZ",
}


class SourceWindow:
    """Rows of `source` with `floor` <= event time, as of `version`, in the relation `relation` of `database`.

    `reach` is the longest window of any view. Not thread-safe: its owner takes turns.
    """

    def __init__(
        self, offline: ArrivalFeed, source: DataSource, reach: timedelta, database: duckdb.DuckDBPyConnection
    ) -> None:
        self.database = database
        self.relation = quote(f"window_{source.name}")
        self.floor = datetime.max.replace(tzinfo=UTC)
        self.version = -1
        self.arrivals: list[Arrival] = []
        self._offline = offline
        self._source = source
        self._reach = reach
        self._mapping: dict[str, str] | None = None
        self._listed_after = -1
        self._since = datetime.max.replace(tzinfo=UTC)
        self._asked: tuple[int, float] = -1, inf
        self.more = False
        """Whether arrivals may have been left where they are."""

    def follow(
        self,
        now: datetime,
        mapping: Mapping[str, str],
        watermark: int,
        as_of: datetime | None = None,
        *,
        rows: float = inf,
    ) -> None:
        """Take in what arrived, until `rows` of them came after `watermark`: whole versions, one at least. `arrivals`
        then lists what came after `watermark`, at least.

        Rows older than the window usually reaches are not held: `reach_back` before computing with late ones.
        `as_of`: when the watermark was the newest version; needed where the log no longer says what came since.
        """
        self._since = now if as_of is None else min(now, as_of)
        keep = now - self._reach - _SLACK
        if mapping != self._mapping or self._listed_after > watermark:
            self._load(keep, mapping, watermark)
        elif self.floor < keep - _TRIM and not self.more:
            self._trim(keep)
        self._asked = watermark, rows
        self._take_in(watermark, rows)

    def reach_back(self, start: datetime) -> None:
        """Hold rows from `start` on, of what `follow` would take in. Where it is far behind, the window moves along."""
        if start < self.floor:
            self._load(start, self._mapping or {}, self._asked[0])
            self._take_in(*self._asked)
        elif self.more and self.floor < start - _SLACK - _TRIM:
            self._trim(start - _SLACK)

    def forget(self, watermark: int) -> None:
        """Every view has seen the arrivals up to `watermark`."""
        self.arrivals = thinned([a for a in self.arrivals if a.version > watermark], _ARRIVALS)
        self._listed_after = max(self._listed_after, watermark)

    def _load(self, floor: datetime, mapping: Mapping[str, str], watermark: int) -> None:
        columns = ", ".join(f"{quote(c.name)} {_SQL_TYPES[c.dtype]}" for c in self._source.columns)
        self.database.execute(
            f"CREATE OR REPLACE TABLE {self.relation} ({columns}, __mapped BOOLEAN, __version BIGINT)"
        )
        self._mapping, self.floor, self.version = dict(mapping), floor, watermark
        self.arrivals, self._listed_after = [], watermark
        if watermark >= 0:
            try:
                self._insert(catalog_rows(self._stored(watermark), self._source, mapping), watermark)
            except ArrivalsForgotten as forgotten:
                self._start_over(forgotten)

    def _start_over(self, forgotten: ArrivalsForgotten) -> None:
        """The log no longer says what came since the watermark, but the rows are there: take all of them for new, as
        far back as late events were accepted then. Materializing again what was materialized is harmless."""
        self.floor = min(self.floor, self._since - self._reach - LATENESS)
        self.version = self._offline.version(self._source.table)
        stored = self._stored(self.version)
        rows = catalog_rows(stored, self._source, self._mapping or {})
        self.database.execute(f"DELETE FROM {self.relation}")  # noqa: S608
        self._insert(rows, self.version)
        # No late arrival: what the window now holds is as far back as it goes.
        arrival = describe(self.version, stored, rows, self._source, self._mapping or {})
        self.arrivals = [replace(arrival, first_event=None)]
        _log.warning("%s: %s; %d rows are materialized anew", self._source.name, forgotten, len(rows))

    def _stored(self, version: int) -> pa.Table:
        table, start, mapping = self._source.table, self.floor, self._mapping or {}
        return stored_since(
            lambda time_column: self._offline.read_version(table, version, start=start, time_column=time_column),
            self._source,
            mapping,
            self._offline.schema(table).names,
        )

    def _take_in(self, watermark: int, limit: float) -> None:
        taken = sum(a.rows for a in self.arrivals if a.version > watermark)
        self.more = taken >= limit
        if self.more:
            return
        arriving: Arrival | None = None
        try:
            for version, stored in self._offline.appended(self._source.table, after=self.version):
                if arriving is not None and version != arriving.version:
                    self._arrived(arriving)
                    taken, arriving = taken + arriving.rows, None
                    self.more = taken >= limit
                    if self.more:
                        return
                part = self._part(version, stored)
                arriving = part if arriving is None else joined(arriving, part)
        except ArrivalsForgotten as forgotten:
            self._start_over(forgotten)
            return
        except BaseException:  # what came in of a version that did not come in whole
            self.database.execute(f"DELETE FROM {self.relation} WHERE __version > {self.version}")  # noqa: S608
            raise
        if arriving is not None:
            self._arrived(arriving)

    def _part(self, version: int, stored: pa.Table) -> Arrival:
        """Rows of a version, perhaps not all of them."""
        mapping = self._mapping or {}
        rows = catalog_rows(stored, self._source, mapping)
        arrival = describe(version, stored, rows, self._source, mapping)
        held = rows.filter(_compute.greater_equal(rows[self._source.event_timestamp], self.floor))
        inserted = self._insert(held, version)
        return replace(arrival, duplicates=len(held) - inserted)

    def _arrived(self, arrival: Arrival) -> None:
        self.arrivals.append(arrival)
        self.version = arrival.version
        if arrival.too_late:
            _log.warning(
                "%s: %d rows of version %d came over %d days after their events and are left to a backfill",
                self._source.name,
                arrival.too_late,
                arrival.version,
                LATENESS.days,
            )
        if arrival.held_back:
            _log.warning(
                "%s: %d of %d rows of version %d are dated over %s after their arrival and are not materialized",
                self._source.name,
                arrival.held_back,
                arrival.held_back + arrival.rows,
                arrival.version,
                MAX_CLOCK_SKEW,
            )

    def _insert(self, rows: pa.Table, version: int) -> int:
        """Returns how many rows are new: an event that is there already is not taken in again."""
        event_ts, once = quote(self._source.event_timestamp), first_delivered(self._source)
        if once:
            known = f"SELECT {EVENT_ID} FROM {self.relation} WHERE {EVENT_ID} IS NOT NULL"  # noqa: S608
            once = f"AND ({EVENT_ID} IS NULL OR {EVENT_ID} NOT IN ({known})) {once}"
        self.database.register("arrived", rows)
        statement = f"INSERT INTO {self.relation} SELECT *, {version} FROM arrived WHERE {event_ts} >= ? {once}"  # noqa: S608
        (inserted,) = self.database.execute(statement, [self.floor]).fetchall()[0]
        self.database.unregister("arrived")
        return int(inserted)

    def _trim(self, floor: datetime) -> None:
        kept = f"SELECT * FROM {self.relation} WHERE {quote(self._source.event_timestamp)} >= ?"  # noqa: S608
        self.database.execute(f"CREATE OR REPLACE TABLE {self.relation} AS {kept}", [floor])
        self.floor = floor
