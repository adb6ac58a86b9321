"""Rows of an Arrow table, packed column by column: what materialization writes many of."""

from __future__ import annotations

from datetime import datetime
from typing import Any, cast

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from foundation.errors import InvalidInput
from platform_core.catalog.specs import Dtype
from platform_core.features.online.layout import Layout, PackedRows
from platform_core.features.online.rows import FeatureRow, newest_places
from platform_core.features.values import microseconds

META = ("tenant", "key", "event_ts", "created_ts")
"""Columns of an offline feature table that are no features."""

_TIMESTAMP = pa.timestamp("us", "UTC")
_arrow = cast(Any, pc)  # its functions are made at run time


class TableRows:
    """The rows of a table with the columns key, event_ts and created_ts, as what is packed from them.

    Raises InvalidInput, naming the column, for a key or a time that is null or has no zone.
    """

    def __init__(self, rows: pa.Table) -> None:
        _check(rows)
        self.rows = rows
        self.event, self.created = _us(rows["event_ts"]), _us(rows["created_ts"])
        self.keys: list[str] = rows["key"].cast(pa.string()).to_pylist()

    def sound(self, horizon: datetime | None) -> tuple[TableRows, pa.Table]:
        """Of each key the newest row (`newest_places`) that is not beyond `horizon`; and the rows beyond it."""
        rows = self
        beyond = self.rows.slice(0, 0)
        if horizon is not None and len(self.keys) and self.event.max() > microseconds(horizon):
            far = self.event > microseconds(horizon)
            beyond, rows = self.rows.filter(pa.array(far)), TableRows(self.rows.filter(pa.array(~far)))
        places = newest_places(rows.keys, rows.event.tolist(), rows.created.tolist(), rows._values)
        if len(places) < len(rows.keys):
            rows = TableRows(rows.rows.take(pa.array(places, pa.int64())))
        return rows, beyond

    def numeric_layout(self) -> Layout | None:
        """Of rows whose features are all float64: what columns are packed by. None for others."""
        names = _features(self.rows)
        floats = all(pa.types.is_float64(self.rows.schema.field(name).type) for name in names)
        fields: list[tuple[str, Dtype]] = [(name, "float64") for name in names]
        return Layout(fields) if floats and names else None

    def packed(self, layout: Layout) -> PackedRows:
        """Every row, by the `numeric_layout`. Raises InvalidInput, naming key and feature, for a number that is not
        finite."""
        count = len(self.keys)
        packed: npt.NDArray[Any] = np.zeros(count, dtype=layout.record)
        packed["event"], packed["created"], packed["id"] = self.event, self.created, layout.id
        floats = packed["floats"]
        nulls: npt.NDArray[np.bool_] | None = None
        for place, name in enumerate(layout.names):
            column = self.rows[name]
            if column.null_count:
                nulls = np.zeros((count, len(layout.names)), np.bool_) if nulls is None else nulls
                nulls[:, place] = _arrow.is_null(column).to_numpy()
                column = column.fill_null(0.0)
            floats[:, place] = column.to_numpy()
        finite = np.isfinite(floats)
        if not finite.all():
            row, place = (int(at) for at in np.argwhere(~finite)[0])
            where = f"key {self.keys[row]!r}, feature {layout.names[place]!r}"
            hint = "write null for what is not known"
            raise InvalidInput(f"{where}: {floats[row, place]} is not a finite number", hint=hint)
        if nulls is not None:
            packed["nulls"] = np.packbits(nulls, axis=1, bitorder="little")
        size, joined = layout.struct.size, packed.tobytes()
        blobs = [joined[start : start + size] for start in range(0, size * count, size)]
        return PackedRows(self.keys, self.event, self.created, blobs)

    def feature_rows(self) -> list[FeatureRow]:
        """The rows one by one, for features of any type."""
        names = _features(self.rows)
        columns = [self.rows[name].cast(_TIMESTAMP).to_pylist() for name in ("event_ts", "created_ts")]
        columns += [self.rows[name].to_pylist() for name in names]
        return [
            FeatureRow(key, event, created, dict(zip(names, values, strict=True)))
            for key, event, created, *values in zip(self.keys, *columns, strict=True)
        ]

    def _values(self, place: int) -> dict[str, Any]:
        return {name: self.rows[name][place].as_py() for name in _features(self.rows)}


def _features(rows: pa.Table) -> list[str]:
    return [name for name in rows.column_names if name not in META]


def _check(rows: pa.Table) -> None:
    for name in ("key", "event_ts", "created_ts"):
        if name not in rows.column_names:
            raise InvalidInput(f"rows for the online store lack the column {name!r}", hint=", ".join(META[1:]))
        column = rows[name]
        if column.null_count:
            first = _arrow.index(_arrow.is_null(column), True).as_py()
            raise InvalidInput(f"row {first + 1} has no {name!r}")
        if name != "key" and (not pa.types.is_timestamp(column.type) or column.type.tz is None):
            raise InvalidInput(f"column {name!r} is {column.type}", hint="give timestamps with a zone")


def _us(column: pa.ChunkedArray) -> npt.NDArray[np.int64]:
    return np.asarray(column.cast(_TIMESTAMP, safe=False).cast(pa.int64()).to_numpy())
