"""What is written online, and which of several rows of one key it is."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

from foundation.errors import InvalidInput
from platform_core.features.values import FeatureValue

Time = TypeVar("Time", int, datetime)


@dataclass(frozen=True, slots=True)
class FeatureRow:
    """The values of one view for one entity key as of `event_ts`. A value may be None: null is a value."""

    key: str
    event_ts: datetime
    created_ts: datetime
    values: Mapping[str, FeatureValue]


def newest_places(
    keys: Sequence[str],
    events: Sequence[Time],
    createds: Sequence[Time],
    values: Callable[[int], Mapping[str, FeatureValue]],
) -> list[int]:
    """Of each key the place of its newest row, ascending: by event time, then created time, then values.

    The values of equals are compared feature by feature in the order of the features' names, the greater wins and null
    is the smallest: the rule of a point-in-time join, so that the order of rows means nothing. `values` is asked for
    those of a place.
    """
    if len(set(keys)) == len(keys):
        return list(range(len(keys)))
    newest: dict[str, int] = {}
    for place, key in enumerate(keys):
        known = newest.setdefault(key, place)
        if known == place:
            continue
        times, known_times = (events[place], createds[place]), (events[known], createds[known])
        if times > known_times or (times == known_times and _beats(values(place), values(known))):
            newest[key] = place
    return sorted(newest.values())


def sound_rows(rows: Sequence[FeatureRow], horizon: datetime | None) -> tuple[list[FeatureRow], list[FeatureRow]]:
    """Of each key the newest row (`newest_places`) that is not beyond `horizon`; and the rows beyond it.

    Raises InvalidInput, naming the key, for a time without a zone.
    """
    within: list[FeatureRow] = []
    beyond: list[FeatureRow] = []
    for row in rows:
        if row.event_ts.tzinfo is None or row.created_ts.tzinfo is None:
            raise InvalidInput(f"key {row.key!r}: its times have no zone", hint="give event and created time with one")
        (within if horizon is None or row.event_ts <= horizon else beyond).append(row)
    places = newest_places(
        [row.key for row in within],
        [row.event_ts for row in within],
        [row.created_ts for row in within],
        lambda place: within[place].values,
    )
    return [within[place] for place in places], beyond


def _beats(values: Mapping[str, FeatureValue], others: Mapping[str, FeatureValue]) -> bool:
    for name in sorted(values.keys() | others.keys()):
        value, other = values.get(name), others.get(name)
        if value != other:
            return _rank(value) > _rank(other)
    return False


def _rank(value: FeatureValue) -> tuple[int, Any]:
    """Comparable also where a feature's values are of several types, which packing refuses afterwards."""
    match value:
        case None:
            return 0, 0
        case str():
            return 2, value
        case datetime():
            return 3, value
        case _:
            return 1, value
