"""Many packed rows of one view, read as columns.

A few rows are unpacked one by one; more of one layout are laid end to end and read as one numpy array.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from platform_core.features.online.layout import ID, TIMES, Layout
from platform_core.features.values import FeatureValue, microseconds, moment

RowStatus = Literal["present", "expired", "missing"]
"""Of a row. `expired`: it is older than the view's ttl; its values are hidden."""

ValueStatus = Literal["present", "null", "expired", "missing"]
"""Of a value. `null`: the row says so, or is older than the feature, as offline. `missing`: there is no row."""

_FEW = 12
"""Up to here unpacking one by one is faster."""

_NO_EVENT = -(1 << 63)
_NO_TIME = _NO_EVENT.to_bytes(8, "little", signed=True)  # numpy's "not a time", which becomes None


class Columns(NamedTuple):
    """A list per feature, with an element per row: None wherever the status is not `present`."""

    values: list[list[FeatureValue]]
    statuses: list[list[ValueStatus]]


def row_batches(
    wanted: Sequence[tuple[str, Sequence[str]]],
    blobs: Sequence[bytes | None],
    layouts: Callable[[bytes], Layout],
    *,
    now: datetime,
    ttls: Mapping[str, timedelta],
) -> list[RowBatch]:
    """A batch for each (view, keys) of `wanted`, out of `blobs`: the rows of all of them in that order."""
    batches: list[RowBatch] = []
    start = 0
    for view, keys in wanted:
        ttl, end = ttls.get(view), start + len(keys)
        here = blobs if len(wanted) == 1 else blobs[start:end]
        batches.append(RowBatch(here, layouts, None if ttl is None else microseconds(now - ttl)))
        start = end
    return batches


class RowBatch:
    """`blobs` of one view: a packed row each, or None where there is none. A row whose event time is before
    `oldest_us` is expired: nothing of it is shown but its time. `layouts` finds one by what a row says it is, and
    raises Unavailable for what no row says."""

    __slots__ = ("_blobs", "_laid", "_layouts", "_oldest")

    def __init__(
        self, blobs: Sequence[bytes | None], layouts: Callable[[bytes], Layout], oldest_us: int | None
    ) -> None:
        self._blobs = blobs
        self._oldest = _NO_EVENT if oldest_us is None else oldest_us
        self._layouts = layouts
        self._laid: tuple[Layout, npt.NDArray[Any], list[int]] | None = None

    def __len__(self) -> int:
        return len(self._blobs)

    def event_times(self) -> list[datetime | None]:
        """Per row its event time, None where there is no row; also for rows that are expired."""
        if len(self._blobs) <= _FEW:
            return [None if blob is None else moment(TIMES.unpack_from(blob)[0]) for blob in self._blobs]
        times = self._times().tolist()
        return [None if time is None else time.replace(tzinfo=UTC) for time in times]

    def plain_times(self) -> npt.NDArray[np.datetime64] | None:
        """`event_times` in UTC as an array, where every row is there."""
        return None if None in self._blobs else self._times()

    def _times(self) -> npt.NDArray[np.datetime64]:
        if self._laid is not None and not self._laid[2]:
            return np.ascontiguousarray(self._laid[1]["event"]).view("M8[us]")
        joined = b"".join([_NO_TIME if blob is None else blob[:8] for blob in self._blobs])
        return np.frombuffer(joined, "<i8").view("M8[us]")

    def first(self, features: tuple[str, ...]) -> Sequence[FeatureValue] | None:
        """The values of the first row if all of them are present; None otherwise, `columns` then says what is so."""
        blob = self._blobs[0]
        return None if blob is None else self._layouts(blob[ID]).whole(blob, features, self._oldest)

    def only(self) -> tuple[RowStatus, datetime | None, Mapping[str, FeatureValue]]:
        """Of the first row its status, its event time, and all of its values where it is present."""
        blob = self._blobs[0]
        if blob is None:
            return "missing", None, {}
        layout = self._layouts(blob[ID])
        event, _, values = layout.unpack(blob)
        if event < self._oldest:
            return "expired", moment(event), {}
        return "present", moment(event), dict(zip(layout.names, values, strict=True))

    def columns(self, features: Sequence[str]) -> Columns:
        """Raises Unavailable for bytes that are not a row."""
        if len(self._blobs) > _FEW:
            self._laid = self._laid_out()
            if self._laid is not None:
                return self._read_together(*self._laid, features)
        references = {blob[ID] for blob in self._blobs if blob is not None}
        return self._read_each({reference: self._layouts(reference) for reference in references}, features)

    def _laid_out(self) -> tuple[Layout, npt.NDArray[Any], list[int]] | None:
        """All rows as one array, zeros where there is none, and the places of those. None where they are not of one
        layout, or where that has text."""
        blobs = self._blobs
        layout = next((self._layouts(blob[ID]) for blob in blobs if blob is not None), None)
        if layout is None or layout.strings:
            return None
        absent: list[int] = []
        try:
            joined = b"".join(blobs)  # type: ignore[arg-type]  # mostly all of them are there
        except TypeError:
            absent = [place for place, blob in enumerate(blobs) if blob is None]
            nothing = bytes(layout.struct.size)
            joined = b"".join([blob or nothing for blob in blobs])
        if len(joined) != layout.struct.size * len(blobs):
            return None
        rows = np.frombuffer(joined, dtype=layout.record)
        return (layout, rows, absent) if np.count_nonzero(rows["id"] == layout.id) == len(blobs) - len(absent) else None

    def _read_each(self, layouts: Mapping[bytes, Layout], features: Sequence[str]) -> Columns:
        rows: list[Sequence[FeatureValue]] = []
        statuses: list[Sequence[ValueStatus]] = []
        for blob in self._blobs:
            row, status = self._read_row(blob, layouts, features)
            rows.append(row)
            statuses.append(status)
        if not rows:
            return Columns([[] for _ in features], [[] for _ in features])
        return Columns(*([list(column) for column in zip(*each, strict=True)] for each in (rows, statuses)))  # type: ignore[arg-type]

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
        return values, ["null" if value is None else "present" for value in values]

    def _read_together(
        self, layout: Layout, rows: npt.NDArray[Any], absent: list[int], features: Sequence[str]
    ) -> Columns:
        count = len(rows)
        # A row that is not there is all zeros: expired or not, it is missing.
        missing = np.zeros(count, np.bool_)
        missing[absent] = True
        expired = (rows["event"] < self._oldest) & ~missing
        nulls = rows["nulls"] if rows["nulls"].any() else None
        known = _Known(missing, expired)
        columns = Columns([], [])
        for at, values in zip(layout.places(features), layout.columns(rows, features), strict=True):
            if at is None:
                columns.values.append([None] * count)
                columns.statuses.append(known.absent_feature())
            else:
                null = None if nulls is None else nulls[:, at >> 3] >> (at & 7) & 1
                columns.values.append(values)
                columns.statuses.append(known.hide(values, null))
        return columns


def _all(status: ValueStatus, features: Sequence[str]) -> Sequence[ValueStatus]:
    return (status,) * len(features)


class _Known:
    """What is known of each row before its values: whether it is there, and still fresh."""

    def __init__(self, missing: npt.NDArray[np.bool_], expired: npt.NDArray[np.bool_]) -> None:
        self._hidden = missing | expired
        self._all_shown = not self._hidden.any()
        self._statuses: list[ValueStatus] = ["present"] * len(missing)
        for place in np.flatnonzero(missing).tolist():
            self._statuses[place] = "missing"
        for place in np.flatnonzero(expired).tolist():
            self._statuses[place] = "expired"

    def hide(self, values: list[Any], null: npt.NDArray[np.integer[Any]] | None) -> list[ValueStatus]:
        """The statuses of a feature; sets to None what is not to be shown of its `values`."""
        if self._all_shown and (null is None or not null.any()):
            return self._statuses
        statuses = self._statuses.copy()
        empty = self._hidden if null is None else self._hidden | null.astype(np.bool_)
        for place in np.flatnonzero(empty).tolist():
            values[place] = None
            if not self._hidden[place]:
                statuses[place] = "null"
        return statuses

    def absent_feature(self) -> list[ValueStatus]:
        """Of a feature that the view gained after these rows were written."""
        return ["null" if status == "present" else status for status in self._statuses]
