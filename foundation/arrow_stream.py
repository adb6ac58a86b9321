"""What a stranger's Arrow stream says of itself, before anything of it is decoded.

pyarrow tells the rows of a batch, and that its buffers are compressed, only once it has decompressed them. The metadata
of each message says both: FlatBuffers tables, whose fields are found here by their place in
https://github.com/apache/arrow/tree/main/format (Message.fbs).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

import pyarrow as pa

from foundation.errors import InvalidInput

_MESSAGE_TYPE, _MESSAGE_HEADER = 1, 2
_DICTIONARY_BATCH, _RECORD_BATCH = 2, 3
_DICTIONARY_DATA = 1
_BATCH_LENGTH, _BATCH_COMPRESSION = 0, 3


def announced_rows(stream: bytes) -> Iterator[int]:
    """Of each record batch. Raises InvalidInput for what is not an Arrow stream, and for compressed buffers: a body of
    a few kilobytes would be gigabytes."""
    try:
        for message in pa.ipc.MessageReader.open_stream(stream):
            metadata = message.metadata.to_pybytes()
            root = _follow(metadata, 0)
            kind = metadata[_field(metadata, root, _MESSAGE_TYPE)]
            if kind not in (_DICTIONARY_BATCH, _RECORD_BATCH):
                continue
            batch = _follow(metadata, _field(metadata, root, _MESSAGE_HEADER))
            if kind == _DICTIONARY_BATCH:
                batch = _follow(metadata, _field(metadata, batch, _DICTIONARY_DATA))
            if _field(metadata, batch, _BATCH_COMPRESSION):
                raise InvalidInput(
                    "the body is an Arrow stream with compressed buffers", hint="write it without compression"
                )
            if kind == _RECORD_BATCH:
                length = _field(metadata, batch, _BATCH_LENGTH)
                rows = struct.unpack_from("<q", metadata, length)[0] if length else 0
                if rows < 0:
                    raise InvalidInput(f"the body is not an Arrow stream: a batch of {rows} rows")
                yield rows
    except (pa.ArrowException, OSError, struct.error, IndexError) as error:
        raise InvalidInput(f"the body is not an Arrow stream: {error}"[:500]) from error


def _follow(metadata: bytes, at: int) -> int:
    return at + struct.unpack_from("<I", metadata, at)[0]


def _field(metadata: bytes, table: int, place: int) -> int:
    """Where a field of a table stands; 0 when it has its default."""
    vtable = table - struct.unpack_from("<i", metadata, table)[0]
    at = 4 + 2 * place
    if at >= struct.unpack_from("<H", metadata, vtable)[0]:
        return 0
    offset: int = struct.unpack_from("<H", metadata, vtable + at)[0]
    return table + offset if offset else 0
