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
from platform_core.features.online.layout import Layout, PackedRow
from platform_core.features.online.rows import FeatureRow
from platform_core.features.values import microseconds

META = ("tenant", "key", "event_ts", "created_ts")
"""Columns of an offline feature table that are no features."""

_TIMESTAMP = pa.timestamp("us", "UTC")
_arrow = cast(Any, pc)  # its functions are made at run time


def newest_of_table(rows: pa.Table, horizon: datetime | None) -> tuple[pa.Table, pa.Table]:
    """Of each key the newest row by (event_ts, created_ts) that is not beyond `horizon`, the first among equals; and
    the rows beyond it. Raises InvalidInput, naming the column, for a key or a time that is null or has no zone."""
    for name in ("key", "event_ts", "created_ts"):
        if name not in rows.column_names:
            raise InvalidInput(f"rows for the online store lack the column {name!r}", hint=", ".join(META[1:]))
        column = rows[name]
        if column.null_count:
            first = _arrow.index(_arrow.is_null(column), True).as_py()
            raise InvalidInput(f"row {first + 1} has no {name!r}")
        if name != "key" and (not pa.types.is_timestamp(column.type) or column.type.tz is None):
            raise InvalidInput(f"column {name!r} is {column.type}", hint="give timestamps with a zone")
    event, created = _us(rows["event_ts"]), _us(rows["created_ts"])
    beyond = np.zeros(len(rows), np.bool_) if horizon is None else event > microseconds(horizon)
    order = np.lexsort((-np.arange(len(rows)), created, event))  # among equals the first row comes last
    order = order[~beyond[order]]
    keys = rows["key"].cast(pa.string()).to_pylist()
    last = {keys[place]: place for place in order.tolist()}
    newest = rows if len(last) == len(rows) else rows.take(pa.array(sorted(last.values()), pa.int64()))
    return newest, rows.filter(pa.array(beyond)) if beyond.any() else rows.slice(0, 0)


def numeric_layout(rows: pa.Table) -> Layout | None:
    """The layout of `rows` when all features are float64: what columns are packed by. None for others."""
    names = [name for name in rows.column_names if name not in META]
    floats = all(pa.types.is_float64(rows.schema.field(name).type) for name in names)
    fields: list[tuple[str, Dtype]] = [(name, "float64") for name in names]
    return Layout(fields) if floats and names else None


def packed_columns(rows: pa.Table, layout: Layout) -> list[PackedRow]:
    """Every row of a table of float64 features. Raises InvalidInput, naming key and feature, for a number that is not
    finite."""
    count = len(rows)
    keys = rows["key"].cast(pa.string()).to_pylist()
    event, created = _us(rows["event_ts"]), _us(rows["created_ts"])
    packed: npt.NDArray[Any] = np.zeros(count, dtype=layout.record)
    packed["event"], packed["created"], packed["id"] = event, created, layout.id
    nulls = np.zeros((count, len(layout.names)), np.bool_)
    for place, name in enumerate(layout.names):
        column = rows[name]
        if column.null_count:
            nulls[:, place] = _arrow.is_null(column).to_numpy()
            column = column.fill_null(0.0)
        values = column.to_numpy()
        finite = np.isfinite(values)
        if not finite.all():
            first = int(np.argmin(finite))
            where = f"key {keys[first]!r}, feature {name!r}"
            hint = "write null for what is not known"
            raise InvalidInput(f"{where}: {values[first]} is not a finite number", hint=hint)
        packed["floats"][:, place] = values
    if nulls.any():
        packed["nulls"] = np.packbits(nulls, axis=1, bitorder="little")
    size, joined = layout.struct.size, packed.tobytes()
    blobs = [joined[start : start + size] for start in range(0, size * count, size)]
    return list(map(PackedRow, keys, event.tolist(), created.tolist(), blobs))


def feature_rows(rows: pa.Table) -> list[FeatureRow]:
    """The rows one by one, for features of any type."""
    names = [name for name in rows.column_names if name not in META]
    columns = [rows["key"].cast(pa.string()).to_pylist()]
    columns += [rows[name].cast(_TIMESTAMP).to_pylist() for name in ("event_ts", "created_ts")]
    columns += [rows[name].to_pylist() for name in names]
    return [
        FeatureRow(key, event, created, dict(zip(names, values, strict=True)))
        for key, event, created, *values in zip(*columns, strict=True)
    ]


def _us(column: pa.ChunkedArray) -> npt.NDArray[np.int64]:
    return np.asarray(column.cast(_TIMESTAMP, safe=False).cast(pa.int64()).to_numpy())
