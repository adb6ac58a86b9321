"""A stretch of events in pieces of bounded size."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from platform_core.features.offline.port import OfflineStore
from platform_core.features.source_rows import catalog_rows, stored_since
from platform_core.features.target import Target

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


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

    Reads three columns, batch by batch: eight bytes of an event stay. Raises NotFound when the source has no table yet.
    """
    source, mapping = target.source, target.spec.field_mapping
    known = offline.schema(source.table).names
    wanted = {*target.join_keys, source.event_timestamp, source.created_timestamp}
    columns = [n for n in known if n in wanted | {mapping[name] for name in wanted & set(mapping)}]
    times: list[npt.NDArray[np.int64]] = []
    held_back = unkeyed = 0
    for stored in _parts(offline, target, start, end, columns):
        sound = catalog_rows(stored, source, mapping)
        rows = sound.select([*target.join_keys, source.event_timestamp]).drop_null()
        times.append(rows[source.event_timestamp].cast(pa.int64()).to_numpy())
        held_back, unkeyed = held_back + len(stored) - len(sound), unkeyed + len(sound) - len(rows)
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
        moment = _EPOCH + int(edge) * _MICROSECOND
        if moment > edges[-1]:
            edges.append(moment)
    edges.append(end)
    for begin, until in pairwise(edges):
        low, high = np.searchsorted(times, [_us(begin), _us(until)])
        yield Chunk(begin, until, int(high - low))


def moment(us: int) -> datetime:
    return _EPOCH + us * _MICROSECOND


def _us(value: datetime) -> int:
    return (value - _EPOCH) // _MICROSECOND
