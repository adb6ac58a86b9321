"""Feast's and Arrow's types as the catalog's."""

from __future__ import annotations

from typing import Any

import pyarrow as pa

from platform_core.catalog.specs import Dtype

_FEAST: dict[str, Dtype] = {
    "Int32": "int64",
    "Int64": "int64",
    "Float32": "float64",
    "Float64": "float64",
    "String": "string",
    "Bool": "bool",
    "UnixTimestamp": "timestamp",
    "Uuid": "string",
}


def dtype_of(feast_type: Any) -> Dtype | None:
    """Of `feast.types.Float32` and so on; None for lists, maps, bytes and whatever else is not one value."""
    return _FEAST.get(str(feast_type))


def dtype_of_arrow(arrow_type: pa.DataType) -> Dtype | None:
    if pa.types.is_dictionary(arrow_type):
        return dtype_of_arrow(arrow_type.value_type)
    if pa.types.is_boolean(arrow_type):
        return "bool"
    if pa.types.is_integer(arrow_type):
        return "int64"
    if pa.types.is_floating(arrow_type) or pa.types.is_decimal(arrow_type):
        return "float64"
    if pa.types.is_string(arrow_type) or pa.types.is_large_string(arrow_type):
        return "string"
    return "timestamp" if pa.types.is_timestamp(arrow_type) else None
