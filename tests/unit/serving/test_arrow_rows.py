"""An Arrow stream costs what it is, not what it promises."""

from __future__ import annotations

from contextlib import suppress
from types import SimpleNamespace
from typing import Any

import pyarrow as pa
import pytest

from foundation.errors import InvalidInput, TooLarge
from platform_core.serving.questions import Question
from platform_core.serving.shape import RequestShape
from platform_core.serving.wire import ARROW, Asked, read_question
from tests.fakes.payments import SERVICE, small_catalog

SHAPE = RequestShape(small_catalog(), SERVICE)


def stream(rows: int = 1, compression: str | None = None, key: str = "k", **more: Any) -> bytes:
    columns: dict[str, Any] = {name: pa.array([key] * rows) for name in SHAPE.entities}
    columns |= {name: pa.array([1.0] * rows) for name in SHAPE.inputs} | more
    table = pa.table(columns)
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema, options=pa.ipc.IpcWriteOptions(compression=compression)) as writer:
        writer.write_table(table)
    return sink.getvalue().to_pybytes()


def read(body: bytes, query: bytes = b"") -> Question:
    served: Any = SimpleNamespace(shape=SHAPE, spec=SimpleNamespace(serving=SimpleNamespace(max_rows=10)))
    return read_question(body, Asked(ARROW, True, None), query, served)


def test_plain_columns_are_read() -> None:
    question = read(stream(10), b"request_id=r")
    assert [row.request_id for row in question.rows] == [f"r-{n}" for n in range(1, 11)]


@pytest.mark.parametrize("compression", ["zstd", "lz4"])
def test_what_is_compressed_is_not_decompressed(compression: str) -> None:
    body = stream(10, compression, "0" * 1_000_000)
    assert len(body) < 100_000
    before = pa.total_allocated_bytes()
    with pytest.raises(InvalidInput, match="compressed"):
        read(body)
    assert pa.total_allocated_bytes() - before < 1_000_000


def test_rows_and_columns_are_counted_before_they_are_objects(monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*_: object) -> None:
        raise AssertionError("rows were made")

    monkeypatch.setattr("platform_core.serving.wire.read_columns", never)
    with pytest.raises(TooLarge, match="11 rows"):
        read(stream(11))
    with pytest.raises(InvalidInput, match="'more' is not read"):
        read(stream(more=pa.array([1])))
    with pytest.raises(InvalidInput, match="dictionary"):
        read(stream(card=pa.array(["k"]).dictionary_encode()))


def test_batches_of_one_stream_are_counted_together() -> None:
    table = pa.ipc.open_stream(stream(6)).read_all()
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        for _ in range(2):
            writer.write_table(table)
    with pytest.raises(TooLarge, match="12 rows"):
        read(sink.getvalue().to_pybytes())


def test_a_request_id_has_a_length() -> None:
    with pytest.raises(InvalidInput, match="256"):
        read(stream(), b"request_id=" + b"a" * 257)


@pytest.mark.parametrize("cut", range(0, 900, 7))
def test_half_a_stream_is_refused_or_read(cut: int) -> None:
    body = stream()
    for broken in (body[:cut], body[:cut] + b"\xff" * 4 + body[cut + 4 :]):
        with suppress(InvalidInput, TooLarge):
            read(broken)
