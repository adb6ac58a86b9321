"""One feature row's values as bytes: a version byte, the count (uint16), a null bitmap, the non-null float64s.

Little-endian; bit i of the bitmap (least significant first) is set where value i is null. The names are not in the row:
values stand in the order of the names' list, which is stored once (`schema` below) and named by its digest, so that a
row written before a view gained a feature is still read correctly.
"""

from __future__ import annotations

import hashlib
import json
import struct
from collections.abc import Mapping, Sequence

from foundation.errors import Unavailable

VERSION = 1
_HEADER = struct.Struct("<BH")


def schema_id(names: Sequence[str]) -> str:
    """A short stable name for this list of features."""
    return hashlib.sha256(json.dumps(list(names)).encode()).hexdigest()[:12]


def pack(values: Mapping[str, float | None], names: Sequence[str]) -> bytes:
    nulls, present = 0, []
    for position, name in enumerate(names):
        value = values.get(name)
        if value is None:
            nulls |= 1 << position
        else:
            present.append(value)
    count = len(names)
    bitmap = nulls.to_bytes((count + 7) // 8, "little")
    return _HEADER.pack(VERSION, count) + bitmap + struct.pack(f"<{len(present)}d", *present)


def unpack(blob: bytes, names: Sequence[str]) -> dict[str, float | None]:
    """Raises Unavailable when the bytes are not a row of these names: the store holds something else."""
    try:
        version, count = _HEADER.unpack_from(blob)
        if version != VERSION or count != len(names):
            raise Unavailable(
                f"an online row has format {version} with {count} values, expected {VERSION}, {len(names)}"
            )
        width = (count + 7) // 8
        nulls = int.from_bytes(blob[_HEADER.size : _HEADER.size + width], "little")
        present = iter(struct.unpack_from(f"<{count - nulls.bit_count()}d", blob, _HEADER.size + width))
    except struct.error as error:
        raise Unavailable(f"an online row of {len(blob)} bytes is cut short: {error}") from error
    return {name: None if nulls >> position & 1 else next(present) for position, name in enumerate(names)}
