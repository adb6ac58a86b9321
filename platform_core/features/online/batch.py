"""Many packed rows of one view, read as columns.

A few rows are unpacked one by one; more of one layout are laid end to end and read as one numpy array.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, cast

import numpy as np
import numpy.typing as npt

from foundation.errors import Unavailable
from platform_core.features.online.layout import TIMES, Layout, layout_id
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
        if len(references) == 1 and len(self._blobs) > _FEW:
            layout = self._layouts(next(iter(references)))
            if not layout.strings:
                return self._read_together(layout, features)
        return self._read_each({reference: self._layouts(reference) for reference in references}, features)

    def _read_each(self, layouts: Mapping[bytes, Layout], features: Sequence[str]) -> list[Column]:
        values: list[list[FeatureValue]] = [[] for _ in features]
        statuses: list[list[ValueStatus]] = [[] for _ in features]
        for blob in self._blobs:
            row: Sequence[FeatureValue] = ()
            status: ValueStatus = "missing"
            layout: Layout | None = None
            if blob is not None:
                layout = layouts[layout_id(blob)]
                event, _, row = layout.unpack(blob)
                status = "present" if event >= self._oldest else "expired"
            for place, feature in enumerate(features):
                at = None if layout is None else layout.positions.get(feature)
                if status != "present" or at is None:
                    values[place].append(None)
                    statuses[place].append(status if status == "expired" else "missing")
                else:
                    values[place].append(row[at])
                    statuses[place].append("null" if row[at] is None else "present")
        return [Column(v, s) for v, s in zip(values, statuses, strict=True)]

    def _read_together(self, layout: Layout, features: Sequence[str]) -> list[Column]:
        size = layout.struct.size
        nothing = bytes(size)
        joined = b"".join([blob or nothing for blob in self._blobs])
        if len(joined) != size * len(self._blobs):
            lengths = sorted({len(blob) for blob in self._blobs if blob is not None})
            raise Unavailable(f"online rows of one layout have {lengths} bytes, expected {size}")
        rows = np.frombuffer(joined, dtype=layout.record)
        # A row that is not there is all zeros: expired or not, it is missing.
        missing = np.array([blob is None for blob in self._blobs])
        expired = (rows["event"] < self._oldest) & ~missing
        hidden = missing | expired
        all_there = not hidden.any()
        nulls = rows["nulls"] if rows["nulls"].any() else None
        base = ["missing" if m else "expired" if e else "present" for m, e in zip(missing, expired, strict=True)]
        present = cast("Sequence[ValueStatus]", ["present"] * len(rows) if all_there else base)
        columns: list[Column] = []
        for feature in features:
            at = layout.positions.get(feature)
            if at is None:
                statuses = ["expired" if e else "missing" for e in expired]
                columns.append(Column([None] * len(rows), cast("list[ValueStatus]", statuses)))
                continue
            values: list[Any] = rows[f"v{at}"].tolist()
            if at in layout.timestamps:
                values = [moment(us) for us in values]
            null = None if nulls is None else (nulls[:, at >> 3] >> (at & 7) & 1).astype(np.bool_)
            columns.append(
                _masked(values, present, hidden, null) if null is not None or not all_there else Column(values, present)
            )
        return columns


def _masked(
    values: list[Any],
    statuses: Sequence[ValueStatus],
    hidden: npt.NDArray[np.bool_],
    null: npt.NDArray[np.bool_] | None,
) -> Column:
    empty = hidden if null is None else hidden | null
    places = np.flatnonzero(empty).tolist()
    if places:
        said = list(statuses)
        for place in places:
            values[place] = None
            if not hidden[place]:
                said[place] = "null"
        return Column(values, said)
    return Column(values, statuses)
