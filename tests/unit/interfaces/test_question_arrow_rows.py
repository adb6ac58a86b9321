"""What an Arrow stream of a stranger may cost, in rows and bytes, is bounded before it is read."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from foundation.errors import InvalidInput, TooLarge
from interfaces.http.arrow_rows import entity_table


def stream(table: pa.Table, *, compression: str | None = None, rows: int | None = None) -> bytes:
    sink = pa.BufferOutputStream()
    options = pa.ipc.IpcWriteOptions(compression=compression)
    with pa.ipc.new_stream(sink, table.schema, options=options) as writer:
        writer.write_table(table, max_chunksize=rows)
    return sink.getvalue().to_pybytes()


def test_rows_come_as_they_were_sent() -> None:
    table = pa.table({"card_id": pa.array(["a", "b", None]).dictionary_encode(), "n": [1, 2, 3]})
    assert entity_table(stream(table, rows=2)).equals(table)
    assert entity_table(stream(table.slice(0, 0))).num_rows == 0


@pytest.mark.parametrize("compression", ["zstd", "lz4"])
@pytest.mark.parametrize("encoded", [False, True])
def test_compressed_buffers_are_refused_before_they_are_decompressed(compression: str, encoded: bool) -> None:
    column = pa.array(["x" * 1_000_000])
    bomb = stream(pa.table({"card_id": column.dictionary_encode() if encoded else column}), compression=compression)
    assert len(bomb) < 10_000
    before = pa.total_allocated_bytes()
    with pytest.raises(InvalidInput, match="compressed buffers"):
        entity_table(bomb)
    assert pa.total_allocated_bytes() - before < 100_000


def test_rows_without_bytes_are_counted() -> None:
    nothing = pa.table({"card_id": pa.nulls(1 << 30)})
    assert len(stream(nothing)) < 1_000
    with pytest.raises(TooLarge, match=f"{1 << 30} entity rows"):
        entity_table(stream(nothing))
    with pytest.raises(TooLarge, match="5001 entity rows"):
        entity_table(stream(pa.table({"n": range(5_003)}), rows=1_667 * 3))


@pytest.mark.parametrize("kind", [pa.string(), pa.large_string(), pa.binary()])
def test_a_text_that_many_rows_share_counts_at_each(kind: pa.DataType) -> None:
    places = pa.array(np.zeros(5_000, np.int32))
    shared = pa.DictionaryArray.from_arrays(places, pa.array(["x" * 200_000], kind))
    with pytest.raises(TooLarge, match="bytes"):
        entity_table(stream(pa.table({"card_id": shared})))


def test_views_of_one_text_count_each() -> None:
    texts = pa.array(["x" * 200_000], pa.string_view())
    views = pa.py_buffer(texts.buffers()[1].to_pybytes()[:16] * 5_000)
    shared = pa.Array.from_buffers(pa.string_view(), 5_000, [None, views, texts.buffers()[2]])
    with pytest.raises(TooLarge, match="bytes"):
        entity_table(stream(pa.table({"card_id": shared})))


def test_lies_in_the_buffers_are_found() -> None:
    offsets = pa.py_buffer(np.array([0, 2], "<i4").tobytes())
    broken = pa.StringArray.from_buffers(1, offsets, pa.py_buffer(b"\xff\xfe"))
    with pytest.raises(InvalidInput, match="not an Arrow stream"):
        entity_table(stream(pa.table({"card_id": broken})))


def test_no_damage_is_another_error() -> None:
    whole = stream(pa.table({"card_id": pa.array(["a", "b"]).dictionary_encode(), "n": [1.0, None]}))
    for at in range(0, len(whole), 3):
        for damaged in (whole[:at], whole[:at] + bytes([whole[at] ^ 0x5A]) + whole[at + 1 :]):
            try:
                entity_table(damaged)
            except (InvalidInput, TooLarge):
                continue
