"""Entity rows out of a stranger's Arrow stream: what it may cost is bounded before it is read."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute

from foundation.arrow_stream import announced_rows
from foundation.errors import InvalidInput, TooLarge
from platform_core.features.retrieval import MAX_ROWS

MAX_TABLE_BYTES = 16 << 20
"""As values: a text of a dictionary counts at each row that has it."""

_compute: Any = pyarrow.compute  # its kernels are made at import time: no type checker sees them


def entity_table(body: bytes) -> pa.Table:
    """Raises TooLarge, and InvalidInput for what is not an Arrow stream, or is compressed."""
    rows = 0
    for announced in announced_rows(body):
        rows += announced
        if rows > MAX_ROWS:
            raise TooLarge(f"{rows} entity rows in one request", hint=f"ask for at most {MAX_ROWS} at once")
    try:
        with pa.ipc.open_stream(body) as reader:
            table = reader.read_all()
        table.validate(full=True)  # a length or an offset may be a lie
        size = sum(_size(column) for column in table.columns)
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        raise InvalidInput(f"the body is not an Arrow stream: {error}"[:500]) from error
    if size > MAX_TABLE_BYTES:
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
