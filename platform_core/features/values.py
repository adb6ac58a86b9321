"""The values a feature can have, and the types they are kept under.

| dtype     | in Python        | in Arrow           |
|-----------|------------------|--------------------|
| float64   | float            | double             |
| int64     | int, 64 bits     | int64              |
| bool      | bool             | bool               |
| string    | str              | string             |
| timestamp | datetime, a zone | timestamp[us, UTC] |

Each may be null. A float is finite: what is not known is null.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import UTC, datetime, timedelta
from math import isfinite

import pyarrow as pa

from foundation.errors import InvalidInput
from platform_core.catalog.specs import Dtype

FeatureValue = float | int | str | bool | datetime | None

ARROW_TYPES: Mapping[Dtype, pa.DataType] = {
    "float64": pa.float64(),
    "int64": pa.int64(),
    "bool": pa.bool_(),
    "string": pa.string(),
    "timestamp": pa.timestamp("us", "UTC"),
}
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_INT64 = 1 << 63


def microseconds(moment: datetime) -> int:
    """Microseconds since 1970 in UTC. Raises InvalidInput for a time without a zone."""
    if moment.tzinfo is None:
        raise InvalidInput(f"{moment.isoformat()} has no time zone", hint="give times with a zone, e.g. …Z")
    return (moment - EPOCH) // _MICROSECOND


def moment(us: int) -> datetime:
    return EPOCH + timedelta(microseconds=us)


def dtype_of(value: FeatureValue) -> Dtype | None:
    """The narrowest dtype that holds `value`; None for null. Raises InvalidInput for what no dtype holds."""
    match value:
        case None:
            return None
        case bool():
            return "bool"
        case int():
            return "int64"
        case float():
            return "float64"
        case str():
            return "string"
        case datetime():
            return "timestamp"
        case _:
            raise InvalidInput(f"{value!r} is a {type(value).__name__}", hint=f"a value is {', '.join(ARROW_TYPES)}")


def common_dtype(values: Collection[FeatureValue]) -> Dtype:
    """The dtype that holds all of `values`: float64 for numbers of several kinds, and for nothing but nulls.

    Raises InvalidInput when there is none.
    """
    types = dict(zip(map(type, values), values, strict=True))  # one value of each type
    found: set[Dtype] = {dtype for dtype in map(dtype_of, types.values()) if dtype is not None}
    if not found:
        return "float64"
    if len(found) == 1:
        return found.pop()
    if found <= {"float64", "int64"}:
        return "float64"
    raise InvalidInput(f"values of several types: {', '.join(sorted(found))}", hint="a feature has one dtype")


def _refuse_surrogates(text: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise InvalidInput(f"{text!r} is not text: it has a half of a surrogate pair") from error


def checked(value: FeatureValue, dtype: Dtype) -> FeatureValue:
    """`value` as `dtype` keeps it (a whole number becomes a float for float64). Raises InvalidInput, saying why not."""
    if value is None:
        return None
    given = dtype_of(value)
    if isinstance(value, int) and not -_INT64 <= value < _INT64:  # also for float64: it would be another number
        raise InvalidInput(f"a whole number of {value.bit_length()} bits and a sign does not fit in 64 bits")
    if dtype == "float64" and isinstance(value, int | float) and given != "bool":
        if not isfinite(value):
            raise InvalidInput(f"{value!r} is not a finite number", hint="write null for what is not known")
        return float(value)
    if isinstance(value, str) and not value.isascii():
        _refuse_surrogates(value)
    if given != dtype:
        raise InvalidInput(f"{value!r} is not a {dtype}")
    if isinstance(value, datetime):
        microseconds(value)
    return value
