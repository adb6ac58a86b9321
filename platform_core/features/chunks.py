"""A stretch of events in pieces of bounded size."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from foundation.errors import InvalidInput
from platform_core.features.offline.port import OfflineStore
from platform_core.features.source_problems import check_stored, reading
from platform_core.features.source_rows import catalog_rows, stored_since
from platform_core.features.target import Target
from platform_core.features.values import microseconds, moment


@dataclass(frozen=True, slots=True)
class Chunk:
    """[start, end) holds `events` events."""

    start: datetime
    end: datetime
    events: int


@dataclass(frozen=True, slots=True)
class EventTimes:
    """Sorted, in microseconds since 1970. `held_back` rows were left out because their clock is wrong, `unkeyed` ones
    because they have no key or no time."""

    times: npt.NDArray[np.int64]
    held_back: int
    unkeyed: int


def event_times(offline: OfflineStore, target: Target, start: datetime | None, end: datetime | None) -> EventTimes:
    """Of the rows with a key in [start, end) that a materialization would take.

    Reads three columns, batch by batch: eight bytes of an event stay. Raises NotFound when the source has no table yet,
    InvalidInput when a column that the view needs is not in it, or no row has a key and a time.
    """
    source, mapping = target.source, target.spec.field_mapping
    with reading(source):
        schema = offline.schema(source.table)
    known, vital = schema.names, [*target.join_keys, source.event_timestamp]
    check_stored(source, target.view.name, (n for n in target.needed if n not in mapping), vital, schema)
    wanted = {*target.join_keys, source.event_timestamp, source.created_timestamp}
    columns = [n for n in known if n in wanted | {mapping[name] for name in wanted & set(mapping)}]
    times: list[npt.NDArray[np.int64]] = []
    held_back = unkeyed = 0
    for stored in _parts(offline, target, start, end, columns):
        sound = catalog_rows(stored, source, mapping)
        rows = sound.select(vital).drop_null()
        times.append(rows[source.event_timestamp].cast(pa.int64()).to_numpy())
        held_back, unkeyed = held_back + len(stored) - len(sound), unkeyed + len(sound) - len(rows)
    if unkeyed and not any(map(len, times)):
        raise InvalidInput(
            f"contract broken: of the {unkeyed:,} rows of source {source.name} none has {' and '.join(vital)}",
            hint="a row without them is in no feature: correct what writes them, or the catalog",
        )
    together = np.concatenate(times) if times else np.zeros(0, np.int64)
    together.sort()
    return EventTimes(together, held_back, unkeyed)


def _parts(
    offline: OfflineStore, target: Target, start: datetime | None, end: datetime | None, columns: list[str]
) -> Iterator[pa.Table]:
    source, mapping = target.source, target.spec.field_mapping
    if source.event_timestamp in columns and source.event_timestamp not in mapping:
        time = source.event_timestamp
        for batch in offline.scan(source.table, start=start, end=end, columns=columns, time_column=time):
            yield pa.Table.from_batches([batch])
        return
    yield stored_since(
        lambda time: offline.read(source.table, start=start, end=end, columns=columns, time_column=time),
        source,
        mapping,
        columns,
    )


def chunks(times: npt.NDArray[np.int64], start: datetime, end: datetime, size: int) -> Iterator[Chunk]:
    """[start, end) in pieces of about `size` of the sorted `times`; events of the same time stay together."""
    edges = [start]
    for edge in np.unique(times[size::size]):
        begin = moment(int(edge))
        if begin > edges[-1]:
            edges.append(begin)
    edges.append(end)
    for begin, until in pairwise(edges):
        low, high = np.searchsorted(times, [microseconds(begin), microseconds(until)])
        yield Chunk(begin, until, int(high - low))
