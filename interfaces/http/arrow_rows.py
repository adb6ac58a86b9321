"""Entity rows out of a stranger's Arrow stream: what it may cost is bounded before it is read."""

from __future__ import annotations

import struct
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute

from foundation.errors import InvalidInput, TooLarge
from platform_core.features.retrieval import MAX_ROWS

MAX_TABLE_BYTES = 16 << 20
"""As values: a text of a dictionary counts at each row that has it."""

_compute: Any = pyarrow.compute  # its kernels are made at import time: no type checker sees them
_DICTIONARY, _RECORDS = 2, 3  # MessageHeader of Arrow's format/Message.fbs


def entity_table(body: bytes) -> pa.Table:
    """Raises TooLarge, and InvalidInput for what is not an Arrow stream, or is compressed: a body of a few kilobytes
    would be gigabytes."""
    try:
        messages = pa.ipc.MessageReader.open_stream(body)
        compressed = any(_is_compressed(message.metadata.to_pybytes()) for message in messages)
        if not compressed:
            return _read(body)
    except (pa.ArrowException, OSError, struct.error, IndexError, UnicodeDecodeError) as error:
        raise InvalidInput(f"the body is not an Arrow stream: {error}") from error
    raise InvalidInput("the body is an Arrow stream with compressed buffers", hint="write it without compression")


def _read(body: bytes) -> pa.Table:
    batches: list[pa.RecordBatch] = []
    rows = 0
    with pa.ipc.open_stream(body) as reader:
        for batch in reader:
            rows += batch.num_rows
            if rows > MAX_ROWS:
                raise TooLarge(f"{rows} entity rows in one request", hint=f"ask for at most {MAX_ROWS} at once")
            batch.validate(full=True)  # a length or an offset may be a lie
            batches.append(batch)
        table = pa.Table.from_batches(batches, reader.schema)
    if sum(_size(column) for column in table.columns) > MAX_TABLE_BYTES:
        raise TooLarge(f"the rows are more than {MAX_TABLE_BYTES} bytes", hint="send the join keys only")
    return table


def _size(column: Any) -> int:
    """As values: rows may share one long text, of a dictionary or as views."""
    size = column.nbytes
    for chunk in column.chunks:
        if pa.types.is_string_view(chunk.type) or pa.types.is_binary_view(chunk.type):
            size += int(
                np.frombuffer(chunk.buffers()[1], "<i4")[::4].sum(dtype=np.int64)
            )  # a view: length, and 12 bytes
        elif pa.types.is_dictionary(chunk.type) and pa.types.is_string(chunk.type.value_type):
            lengths = _compute.binary_length(chunk.dictionary)
            size += _compute.sum(lengths.take(chunk.indices)).as_py() or 0
        elif pa.types.is_dictionary(chunk.type):
            size += chunk.dictionary.nbytes * len(chunk)  # at most
    return size


def _is_compressed(metadata: bytes) -> bool:
    """Whether the buffers of a message are, by its FlatBuffers metadata (Arrow's format/Message.fbs): pyarrow does not
    say before it has decompressed them."""

    def field(table: int, number: int) -> int:
        """Where a field of a table is, 0 if it is not there."""
        vtable = table - struct.unpack_from("<i", metadata, table)[0]
        place = 4 + 2 * number
        if place >= struct.unpack_from("<H", metadata, vtable)[0]:
            return 0
        offset = struct.unpack_from("<H", metadata, vtable + place)[0]
        return table + offset if offset else 0

    def follow(at: int) -> int:
        return at + struct.unpack_from("<I", metadata, at)[0]

    message = follow(0)
    kind, header = metadata[field(message, 1)], follow(field(message, 2))
    if kind == _DICTIONARY:
        header = follow(field(header, 1))
    return kind in {_DICTIONARY, _RECORDS} and field(header, 3) != 0
