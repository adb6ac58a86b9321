"""What is written online."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from foundation.errors import InvalidInput
from platform_core.features.values import FeatureValue


@dataclass(frozen=True, slots=True)
class FeatureRow:
    """The values of one view for one entity key as of `event_ts`. A value may be None: null is a value."""

    key: str
    event_ts: datetime
    created_ts: datetime
    values: Mapping[str, FeatureValue]


def sound_rows(rows: Sequence[FeatureRow], horizon: datetime | None) -> tuple[list[FeatureRow], list[FeatureRow]]:
    """Of each key the newest row by (event_ts, created_ts) that is not beyond `horizon`, the first among equals; and
    the rows beyond it. Raises InvalidInput, naming the key, for a time without a zone."""
    newest: dict[str, FeatureRow] = {}
    beyond: list[FeatureRow] = []
    for row in rows:
        if row.event_ts.tzinfo is None or row.created_ts.tzinfo is None:
            raise InvalidInput(f"key {row.key!r}: its times have no zone", hint="give event and created time with one")
        if horizon is not None and row.event_ts > horizon:
            beyond.append(row)
            continue
        known = newest.get(row.key)
        if known is None or (row.event_ts, row.created_ts) > (known.event_ts, known.created_ts):
            newest[row.key] = row
    return list(newest.values()), beyond
