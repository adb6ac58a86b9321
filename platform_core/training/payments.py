"""Payments of a time, some of which are wanted: which ones is decided by their ids, and only those are read in full.

Two passes over the tables, batch by batch. The first keeps id, time and label of every payment, about a hundred bytes;
the second the columns of the chosen ones. So memory grows with the number of payments, and not with what a payment is
made of; a number that is too large for it is refused, see `MAX_PAYMENTS`.

A payment that was delivered twice is one payment: of deliveries that differ the earliest by event time counts, and of
those the least by its values. It is the same one in whatever order a store hands them out.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime

import polars as pl
import pyarrow as pa

from foundation.errors import InvalidInput
from platform_core.catalog.specs import Catalog
from platform_core.features.offline.port import OfflineStore

MAX_PAYMENTS = 20_000_000
"""Of one window, in `indexed`."""

ID, TIME, TENANT = "event_id", "event_ts", "tenant"
SOURCE = "__source"
"""In an index: which of the catalog's sources a payment is in."""

LabelsOf = Callable[[str], pl.DataFrame]
"""Of a tenant: a key of the payments, and columns that are to be known of those that have it; others are left out."""

ColumnsOf = Callable[[str], Sequence[str]]
"""Of a table: what is to be read of it."""


def indexed(
    offline: OfflineStore,
    catalog: Catalog,
    window: tuple[datetime, datetime],
    *,
    labels: LabelsOf | None = None,
    key: str = ID,
    most: int = MAX_PAYMENTS,
) -> pl.DataFrame:
    """Payments of all sources in the window, oldest first: event_id, event_ts, __source, and of `labels` what is joined
    by `key`. An empty frame without columns where there is none.

    Raises InvalidInput, saying what to do, for more than `most`.
    """
    (start, end), rows = window, 0
    parts: list[pl.DataFrame] = []
    for number, source in enumerate(catalog.sources):
        known = None if labels is None else labels(source.tenant)
        asked = [ID, TIME] if known is None or key == ID else [ID, TIME, key]
        found: list[pl.DataFrame] = []
        for batch in offline.scan(source.table, start=start, end=end, columns=asked):
            frame = _plain(batch)
            found.append(frame if known is None else frame.join(known, on=key).select(ID, TIME, pl.exclude(ID, TIME)))
            rows += len(found[-1])
            if rows > most:
                raise _too_many(window, most)
        if found:
            once = _each_once(pl.concat(found, how="vertical_relaxed"))
            more = [name for name in once.columns if name not in (ID, TIME, key)]
            parts.append(once.select(ID, TIME, *more, pl.lit(number, pl.UInt16).alias(SOURCE)))
    whole = pl.concat(parts, how="vertical_relaxed") if parts else pl.DataFrame()
    return whole.sort(TIME, ID, SOURCE) if len(whole) else pl.DataFrame()


def fetched(
    offline: OfflineStore, catalog: Catalog, window: tuple[datetime, datetime], chosen: pl.DataFrame, columns: ColumnsOf
) -> pl.DataFrame:
    """`chosen` rows of an index, in their order, with `columns` of each and its tenant; a column that a source does not
    have is null."""
    start, end = window
    parts: list[pl.DataFrame] = []
    for number, source in enumerate(catalog.sources):
        wanted = chosen.filter(pl.col(SOURCE) == number)
        if not len(wanted):
            continue
        ids, names = wanted.select(ID, TIME), list(dict.fromkeys([ID, TIME, *columns(source.table)]))
        batches = offline.scan(source.table, start=start, end=end, columns=names)
        found = [_plain(batch).join(ids, on=[ID, TIME], how="semi") for batch in batches]
        once = _each_once(pl.concat(found, how="vertical_relaxed"))
        about = wanted.select(ID, *(name for name in wanted.columns if name not in once.columns))
        parts.append(about.join(once, on=ID).with_columns(pl.lit(source.tenant).alias(TENANT)))
    return pl.concat(parts, how="diagonal_relaxed").sort(TIME, ID, SOURCE).drop(SOURCE) if parts else pl.DataFrame()


def _plain(batch: pa.RecordBatch) -> pl.DataFrame:
    """Dictionaries of strings, which stores may hand out, as strings."""
    frame = pl.DataFrame(pa.Table.from_batches([batch]))
    return frame.with_columns(pl.col(pl.Categorical).cast(pl.String))


def _each_once(payments: pl.DataFrame) -> pl.DataFrame:
    others = [name for name in payments.columns if name not in (ID, TIME)]
    return payments.sort(ID, TIME, *others).unique(ID, keep="first", maintain_order=True)


def _too_many(window: tuple[datetime, datetime], most: int) -> InvalidInput:
    start, end = window
    return InvalidInput(
        f"{start:%Y-%m-%d %H:%M} to {end:%Y-%m-%d %H:%M} UTC has more than {most:,} payments, the most that are read",
        hint="a shorter window, or on a machine with memory for it VIGIA__MODELS__MAX_PAYMENTS",
    )
