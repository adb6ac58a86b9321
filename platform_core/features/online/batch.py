"""Many packed rows of one view, read as columns.

A few rows are unpacked one by one; more of one layout are laid end to end and read as one numpy array.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from foundation.errors import Unavailable
from platform_core.features.online.layout import ID, TIMES, Layout, layout_id
from platform_core.features.values import FeatureValue, moment

ValueStatus = Literal["present", "null", "expired", "missing"]
"""Of a value. `null`: the row says so. `missing`: there is no row, or it was written before the feature was."""

_FEW = 12
"""Up to here unpacking one by one is faster."""

_NO_EVENT = -(1 << 63)


@dataclass(frozen=True, slots=True)
class Column:
    """A feature of each row in order: None wherever its status is not `present`."""

    values: list[FeatureValue]
    statuses: Sequence[ValueStatus]


class RowBatch:
    """`blobs` of one view: a packed row each, or None where there is none. A row whose event time is before
    `oldest_us` is expired: nothing of it is shown but its time."""

    def __init__(
        self, blobs: Sequence[bytes | None], layouts: Callable[[bytes], Layout], oldest_us: int | None
    ) -> None:
        self._blobs = blobs
        self._oldest = _NO_EVENT if oldest_us is None else oldest_us
        self._layouts = layouts

    def __len__(self) -> int:
        return len(self._blobs)

    def event_times(self) -> list[Any]:
        """Per row its event time, None where there is no row; also for rows that are expired."""
        return [None if blob is None else moment(TIMES.unpack_from(blob)[0]) for blob in self._blobs]

    def columns(self, features: Sequence[str]) -> list[Column]:
        """Raises Unavailable for bytes that are not a row."""
        references = {layout_id(blob) for blob in self._blobs if blob is not None}
        if len(references) == 1:
            layout = self._layouts(next(iter(references)))
            if len(self._blobs) > _FEW and not layout.strings:
                return self._read_together(layout, features)
            return self._read_each({layout.id: layout}, features)
        return self._read_each({reference: self._layouts(reference) for reference in references}, features)

    def _read_each(self, layouts: Mapping[bytes, Layout], features: Sequence[str]) -> list[Column]:
        rows: list[Sequence[FeatureValue]] = []
        statuses: list[Sequence[ValueStatus]] = []
        for blob in self._blobs:
            row, status = self._read_row(blob, layouts, features)
            rows.append(row)
            statuses.append(status)
        values = [list(column) for column in zip(*rows, strict=True)] or [[] for _ in features]
        said = list(zip(*statuses, strict=True)) or [() for _ in features]
        return [Column(v, s) for v, s in zip(values, said, strict=True)]

    def _read_row(
        self, blob: bytes | None, layouts: Mapping[bytes, Layout], features: Sequence[str]
    ) -> tuple[Sequence[FeatureValue], Sequence[ValueStatus]]:
        if blob is None:
            return [None] * len(features), _all("missing", features)
        layout = layouts[blob[ID]]
        event, _, row = layout.unpack(blob)
        if event < self._oldest:
            return [None] * len(features), _all("expired", features)
        values = [None if at is None else row[at] for at in layout.places(features)]
        if None not in values:
            return values, _all("present", features)
        places = zip(layout.places(features), values, strict=True)
        return values, ["missing" if at is None else "null" if value is None else "present" for at, value in places]

    def _read_together(self, layout: Layout, features: Sequence[str]) -> list[Column]:
        size, count = layout.struct.size, len(self._blobs)
        nothing = bytes(size)
        absent = [place for place, blob in enumerate(self._blobs) if blob is None]
        joined = b"".join([blob or nothing for blob in self._blobs])
        if len(joined) != size * count:
            lengths = sorted({len(blob) for blob in self._blobs if blob is not None})
            raise Unavailable(f"online rows of one layout have {lengths} bytes, expected {size}")
        rows = np.frombuffer(joined, dtype=layout.record)
        # A row that is not there is all zeros: expired or not, it is missing.
        missing = np.zeros(count, np.bool_)
        missing[absent] = True
        expired = (rows["event"] < self._oldest) & ~missing
        nulls = rows["nulls"] if rows["nulls"].any() else None
        known = _Known(missing, expired)
        columns: list[Column] = []
        for at, values in zip(layout.places(features), layout.columns(rows, features), strict=True):
            if at is None:
                columns.append(known.absent_feature())
            else:
                columns.append(known.column(values, None if nulls is None else nulls[:, at >> 3] >> (at & 7) & 1))
        return columns


def _all(status: ValueStatus, features: Sequence[str]) -> Sequence[ValueStatus]:
    return (status,) * len(features)


class _Known:
    """What is known of each row before its values: whether it is there, and still fresh."""

    def __init__(self, missing: npt.NDArray[np.bool_], expired: npt.NDArray[np.bool_]) -> None:
        self._expired = expired
        self._hidden = missing | expired
        self._all_shown = not self._hidden.any()
        self._statuses: list[ValueStatus] = ["present"] * len(missing)
        for place in np.flatnonzero(missing).tolist():
            self._statuses[place] = "missing"
        for place in np.flatnonzero(expired).tolist():
            self._statuses[place] = "expired"

    def column(self, values: list[Any], null: npt.NDArray[np.integer[Any]] | None) -> Column:
        if self._all_shown and (null is None or not null.any()):
            return Column(values, self._statuses)
        statuses = self._statuses.copy()
        empty = self._hidden if null is None else self._hidden | null.astype(np.bool_)
        for place in np.flatnonzero(empty).tolist():
            values[place] = None
            if not self._hidden[place]:
                statuses[place] = "null"
        return Column(values, statuses)

    def absent_feature(self) -> Column:
        """Of a feature that the view gained after these rows were written."""
        return Column([None] * len(self._expired), ["expired" if e else "missing" for e in self._expired.tolist()])
