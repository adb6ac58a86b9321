"""The bytes in which Feast keeps entity keys and values online.

Keys: `serialize_entity_key` of feast/infra/key_encoding_utils.py, version 3. All numbers are little-endian:

    uint32            how many join keys; they are sorted by name
    per join key      uint32 2 (STRING), uint32 length, the name
    per value, so     uint32 type (feast.types.ValueType.Enum), uint32 length, the value

Values: the protobuf message `feast.types.Value`, a oneof, whose scalar members are read here.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from foundation.errors import InvalidInput, Unavailable
from platform_core.features.values import FeatureValue

BYTES, STRING, INT32, INT64 = 1, 2, 3, 4
_WIDTHS = {INT32: "<i", INT64: "<q"}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

Part = tuple[str, int, str]
"""Of a key: join key, Feast's type, value as text."""


def encode_key(parts: Sequence[Part]) -> bytes:
    """Raises InvalidInput for a value that is not of its type."""
    ordered = sorted(parts)
    out = [struct.pack("<I", len(ordered))]
    for name, _, _ in ordered:
        text = name.encode()
        out.append(struct.pack("<II", STRING, len(text)) + text)
    for name, kind, value in ordered:
        try:
            raw = struct.pack(_WIDTHS[kind], int(value)) if kind in _WIDTHS else value.encode()
        except (ValueError, struct.error) as error:
            raise InvalidInput(f"{value!r} is not a whole number", hint=f"the join key {name!r} is one") from error
        out.append(struct.pack("<II", kind, len(raw)) + raw)
    return b"".join(out)


def decode_key(blob: bytes) -> list[Part]:
    """Raises Unavailable for bytes that are not a key of version 3."""
    try:
        (count,) = struct.unpack_from("<I", blob)
        texts, offset = _texts(blob, 4, count)
        values, end = _texts(blob, offset, count)
        _check(end == len(blob) and all(kind == STRING for kind, _ in texts), "the lengths in it do not add up")
        return [
            (name.decode(), kind, _key_text(kind, raw)) for (_, name), (kind, raw) in zip(texts, values, strict=True)
        ]
    except (struct.error, ValueError) as error:
        raise Unavailable(
            f"an entity key of {len(blob)} bytes is not one of Feast's version 3: {error}",
            hint="entity_key_serialization_version must be 3",
        ) from error


def _texts(blob: bytes, offset: int, count: int) -> tuple[list[tuple[int, bytes]], int]:
    found: list[tuple[int, bytes]] = []
    for _ in range(count):
        kind, length = struct.unpack_from("<II", blob, offset)
        offset += 8
        _check(length <= len(blob) - offset, "it is cut short")
        found.append((kind, blob[offset : offset + length]))
        offset += length
    return found, offset


def _key_text(kind: int, raw: bytes) -> str:
    if kind in _WIDTHS:
        return str(struct.unpack(_WIDTHS[kind], raw)[0])
    if kind == STRING:
        return raw.decode()
    raise ValueError(f"join keys of Feast's type {kind} are not read")


class NotCarried(Exception):
    """A value of a type that we do not have: lists, maps, bytes."""


def decode_value(blob: bytes) -> FeatureValue:
    """None for a null. Raises NotCarried, and Unavailable for bytes that are not a value."""
    if not blob:
        return None
    number, wire = blob[0] >> 3, blob[0] & 7
    body = blob[1:]
    try:
        match number, wire:
            case 2, 2:
                length, start = _varint(body, 0)
                _check(start + length == len(body), "a text is cut short")
                return body[start:].decode()
            case 3 | 4 | 7 | 8, 0:
                value, end = _varint(body, 0)
                _check(end == len(body), "something follows a number")
                value = value - (1 << 64) if value >= 1 << 63 else value
                if number == 7:
                    return bool(value)
                return _EPOCH + timedelta(seconds=value) if number == 8 else value
            case 5, 1:
                return float(struct.unpack("<d", body)[0])
            case 6, 5:
                return float(struct.unpack("<f", body)[0])
            case _:
                raise NotCarried(f"member {number} of feast.types.Value")
    except (struct.error, ValueError, IndexError, OverflowError) as error:
        raise Unavailable(f"a value of {len(blob)} bytes is not one of Feast's: {error}") from error


def _varint(blob: bytes, offset: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = blob[offset]
        offset += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, offset
        shift += 7
        _check(shift <= 63, "a number is too long")


def _check(holds: bool, otherwise: str) -> None:
    if not holds:
        raise ValueError(otherwise)
