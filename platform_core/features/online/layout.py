"""One row of features as bytes, and back.

    offset  size      content (little-endian)
    0       8         event time, int64 microseconds since 1970 UTC
    8       8         created time, the same
    16      1         version of this format: 2
    17      7         id of the row's layout: the first bytes of SHA-256 over its names and dtypes
    24      ceil(n/8) null bitmap: bit i (least significant first) is set where value i is null
    …       per value float64, int64, timestamp (microseconds): 8; bool: 1; string: 4, its length in bytes
    …       tail      the strings as UTF-8, one after the other

The names are not in the row: values stand in the order of the layout, which the store keeps once under its id. So a row
written before a view gained a feature is read by the layout it was written with. Null values hold zeros. Without
strings all rows of a layout have one length, so that numpy reads many of them as one array.
"""

from __future__ import annotations

import hashlib
import json
import struct
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from math import isfinite
from operator import itemgetter
from typing import Any, NamedTuple, cast

import numpy as np
import numpy.typing as npt

from foundation.errors import InvalidInput, Unavailable
from platform_core.catalog.specs import Dtype
from platform_core.features.online.rows import FeatureRow
from platform_core.features.values import FeatureValue, checked, common_dtype, microseconds, moment

VERSION = 2
TIMES = struct.Struct("<qq")
ID = slice(16, 24)
"""Where a row says how it is to be read: version and layout."""

_CODES: Mapping[Dtype, tuple[str, str]] = {
    "float64": ("d", "<f8"),
    "int64": ("q", "<i8"),
    "timestamp": ("q", "<i8"),
    "bool": ("?", "?"),
    "string": ("I", "<u4"),
}
_ZEROS: Mapping[Dtype, float | int | bool] = {"float64": 0.0, "int64": 0, "timestamp": 0, "bool": False, "string": 0}
_HEADER = "<qq8s"
_BEFORE_VALUES = 4
"""Fields of a row before its values: event and created time, id, null bitmap."""

_MOST_REMEMBERED = 64
"""Choices of features, of one layout."""


class PackedRow(NamedTuple):
    key: str
    event_us: int
    created_us: int
    blob: bytes


class PackedRows(NamedTuple):
    """Rows column by column: what stores move."""

    keys: list[str]
    event_us: npt.NDArray[np.int64]
    created_us: npt.NDArray[np.int64]
    blobs: list[bytes]

    @classmethod
    def of(cls, rows: Sequence[PackedRow]) -> PackedRows:
        event, created = (np.array([row[place] for row in rows], np.int64) for place in (1, 2))
        return cls([row.key for row in rows], event, created, [row.blob for row in rows])

    def part(self, start: int, end: int) -> PackedRows:
        here = slice(start, end)
        return PackedRows(self.keys[here], self.event_us[here], self.created_us[here], self.blobs[here])


Picked = Callable[[Sequence[Any]], Sequence[Any]]


class Layout:
    """The order and dtypes of the values of a row. `id` (8 bytes, the version first) is equal where these are."""

    def __init__(self, fields: Sequence[tuple[str, Dtype]]) -> None:
        self.names: tuple[str, ...] = tuple(name for name, _ in fields)
        self.dtypes: tuple[Dtype, ...] = tuple(dtype for _, dtype in fields)
        self.document = json.dumps([list(field) for field in fields])
        self.id = bytes([VERSION]) + hashlib.sha256(self.document.encode()).digest()[:7]
        self.positions = {name: place for place, name in enumerate(self.names)}
        self._places: dict[tuple[str, ...], list[int | None]] = {}
        self._pickers: dict[tuple[str, ...], Picked | None] = {}
        self._bitmap = (len(fields) + 7) // 8
        self._no_nulls = bytes(self._bitmap)
        codes = [_CODES[dtype] for dtype in self.dtypes]
        self.struct = struct.Struct(f"{_HEADER}{self._bitmap}s" + "".join(code for code, _ in codes))
        head: list[Any] = [("event", "<i8"), ("created", "<i8"), ("id", "S8"), ("nulls", "u1", (self._bitmap,))]
        columns: list[Any] = [(f"v{place}", code) for place, (_, code) in enumerate(codes)]
        self._plain = not {"string", "timestamp"} & set(self.dtypes)
        self._floats_only = set(self.dtypes) <= {"float64"}
        self.record = np.dtype([*head, ("floats", "<f8", (len(fields),))] if self._floats_only else [*head, *columns])
        self.strings = tuple(place for place, dtype in enumerate(self.dtypes) if dtype == "string")
        self.timestamps = tuple(place for place, dtype in enumerate(self.dtypes) if dtype == "timestamp")

    @classmethod
    def parse(cls, document: str | bytes) -> Layout:
        return cls([(name, dtype) for name, dtype in json.loads(document)])

    @classmethod
    def of(cls, rows: Sequence[Mapping[str, FeatureValue]], like: Layout | None = None) -> Layout:
        """The layout that holds `rows`, which all have the names of the first; `like` itself if that holds them.

        Raises InvalidInput, naming a feature whose values are of several types.
        """
        fields: list[tuple[str, Dtype]] = []
        for name, column in zip(rows[0], zip(*(row.values() for row in rows), strict=True), strict=True):
            try:
                dtype = common_dtype(column)
            except InvalidInput as error:
                raise InvalidInput(f"feature {name!r}: {error.message}", hint=error.hint) from error
            usual = None if like is None else like.dtype(name)
            # Nulls fit anywhere and whole numbers fit in floats: a quiet batch does not change the layout.
            if usual is not None and (dtype == usual or _fits(column, dtype, usual)):
                dtype = usual
            fields.append((name, dtype))
        return like if like is not None and like.fields == tuple(fields) else cls(fields)

    @property
    def fields(self) -> tuple[tuple[str, Dtype], ...]:
        return tuple(zip(self.names, self.dtypes, strict=True))

    def dtype(self, name: str) -> Dtype | None:
        place = self.positions.get(name)
        return None if place is None else self.dtypes[place]

    def places(self, features: Sequence[str]) -> list[int | None]:
        """Where each of `features` stands; None for one that this layout does not have."""
        asked = tuple(features)
        found = self._places.get(asked)
        if found is None:
            if len(self._places) > _MOST_REMEMBERED:
                self._places.clear()
            found = self._places[asked] = [self.positions.get(feature) for feature in asked]
        return found

    def whole(self, blob: bytes, features: tuple[str, ...], oldest: int) -> Sequence[FeatureValue] | None:
        """The values of `features` where that takes no second look: the layout has all of them and no text or time, no
        value of the row is null, and its event time is not before `oldest` (microseconds). None otherwise."""
        try:
            picked = self._pickers[features]
        except KeyError:
            picked = self._picker(features)
        if picked is None or len(blob) != self.struct.size:
            return None
        fields = self.struct.unpack(blob)
        return picked(fields) if fields[0] >= oldest and fields[3] == self._no_nulls else None

    def pack(self, row: FeatureRow) -> PackedRow:
        """Raises InvalidInput, naming key and feature, for a value that its dtype does not hold."""
        try:
            event, created = microseconds(row.event_ts), microseconds(row.created_ts)
        except InvalidInput as error:
            raise InvalidInput(f"key {row.key!r}: {error.message}", hint=error.hint) from error
        if self._floats_only:
            values = row.values.values()
            try:
                blob = self.struct.pack(event, created, self.id, self._no_nulls, *values)
                if isfinite(sum(values)):  # type: ignore[arg-type]  # numbers, or pack had raised
                    return PackedRow(row.key, event, created, blob)
            except (struct.error, OverflowError):
                pass  # a null, or something that does not belong here: look at each
        return PackedRow(row.key, event, created, self._pack_each(row, event, created))

    def _pack_each(self, row: FeatureRow, event: int, created: int) -> bytes:
        nulls, slots, tail = 0, cast(list[Any], []), b""
        for place, (name, dtype) in enumerate(zip(self.names, self.dtypes, strict=True)):
            try:
                value = checked(row.values[name], dtype)
            except InvalidInput as error:
                where = f"key {row.key!r}, feature {name!r}"
                raise InvalidInput(f"{where}: {error.message}", hint=error.hint) from error
            if value is None:
                nulls |= 1 << place
                slots.append(_ZEROS[dtype])
            elif isinstance(value, str):
                text = value.encode()
                tail += text
                slots.append(len(text))
            else:
                slots.append(microseconds(value) if isinstance(value, datetime) else value)
        return self.struct.pack(event, created, self.id, nulls.to_bytes(self._bitmap, "little"), *slots) + tail

    def unpack(self, blob: bytes) -> tuple[int, int, Sequence[FeatureValue]]:
        """Event time, created time (microseconds) and the values in order.

        Raises Unavailable when the bytes are not a row of this layout: the store holds something else.
        """
        try:
            event, created, _, nulls, *values = self.struct.unpack_from(blob)
            if self.strings:
                self._read_strings(blob, values)
        except (struct.error, UnicodeDecodeError) as error:
            raise Unavailable(f"an online row of {len(blob)} bytes is cut short: {error}") from error
        for place in self.timestamps:
            values[place] = moment(values[place])
        if nulls != self._no_nulls:
            bits = int.from_bytes(nulls, "little")
            values = [None if bits >> place & 1 else value for place, value in enumerate(values)]
        return event, created, values

    def columns(self, rows: npt.NDArray[Any], features: Sequence[str]) -> list[list[Any]]:
        """The values of `features` out of an array of `record`: a list each, empty for one that is not here."""
        places = self.places(features)
        if self._floats_only:
            together = rows["floats"].T.tolist()
            return [[] if at is None else together[at] for at in places]
        columns = [[] if at is None else rows[f"v{at}"].tolist() for at in places]
        for number, at in enumerate(places):
            if at in self.timestamps:
                columns[number] = [moment(us) for us in columns[number]]
        return columns

    def row(self, key: str, blob: bytes) -> FeatureRow:
        event, created, values = self.unpack(blob)
        return FeatureRow(key, moment(event), moment(created), dict(zip(self.names, values, strict=True)))

    def _picker(self, features: tuple[str, ...]) -> Picked | None:
        """Takes the values of `features` out of a row's unpacked fields; None where `whole` cannot."""
        places = [self.positions.get(feature) for feature in features]
        at = [_BEFORE_VALUES + place for place in places if place is not None]
        picked: Picked | None = None
        if self._plain and len(at) == len(features) > 0:
            picked = itemgetter(*at) if len(at) > 1 else itemgetter(slice(at[0], at[0] + 1))
        if len(self._pickers) > _MOST_REMEMBERED:
            self._pickers.clear()
        self._pickers[features] = picked
        return picked

    def _read_strings(self, blob: bytes, values: list[Any]) -> None:
        start = self.struct.size
        for place in self.strings:
            end = start + values[place]
            if end > len(blob):
                raise struct.error(f"its text ends at byte {end}")
            values[place] = blob[start:end].decode()
            start = end


def check_reference(reference: bytes) -> None:
    """Raises Unavailable when `reference`, the `ID` of a row, is of another format."""
    if len(reference) != 8 or reference[0] != VERSION:
        found = f"format {reference[0]}" if reference else "no format"
        raise Unavailable(f"an online row has {found}, expected {VERSION}")


def stored_layout(document: str | bytes | None, reference: bytes, address: str) -> Layout:
    """Out of what the store at `address` keeps under `reference`. Raises Unavailable when that is nothing."""
    if document is None:
        message = f"the online store at {address} lacks the layout {reference.hex()}"
        raise Unavailable(message, hint="materialize the view again: each batch brings its layout")
    return Layout.parse(document)


def _fits(column: Sequence[FeatureValue], dtype: Dtype, usual: Dtype) -> bool:
    return (dtype, usual) == ("int64", "float64") or all(value is None for value in column)
