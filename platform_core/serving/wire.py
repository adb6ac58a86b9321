"""Requests and answers as bytes: JSON, or Arrow streams."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple
from urllib.parse import parse_qs

import orjson
import pyarrow as pa

from foundation.errors import InvalidInput, VigiaError
from foundation.http_errors import Answering
from foundation.ids import new_id
from platform_core.serving.answers import Answer
from platform_core.serving.arrow_rows import arrow_columns
from platform_core.serving.endpoints import ServedEndpoint
from platform_core.serving.questions import LONGEST_ID, Question, read_columns, read_json

ARROW = "application/vnd.apache.arrow.stream"
JSON = "application/json"
_NAMES = pa.list_(pa.string())
_ODD = tuple(b"%x" % digit for digit in range(1, 16, 2))
"""The last digit of a `traceparent`'s flags where `sampled` is among them."""


class Asked(NamedTuple):
    """What the headers of a request say. `content_type` without parameters; `traced`: by the caller's trace."""

    content_type: str
    accepts_arrow: bool
    api_key: str | None
    traced: bool = False


def read_headers(headers: Sequence[tuple[bytes, bytes]]) -> Asked:
    content_type, arrow, bearer, api_key, traced = JSON, False, None, None, False
    for name, value in headers:
        if name == b"content-type":
            content_type = value.decode("latin-1").partition(";")[0].strip().lower()
        elif name == b"authorization":
            scheme, _, key = value.decode("latin-1").partition(" ")
            bearer = key.strip() if scheme.lower() == "bearer" else None
        elif name == b"x-api-key":
            api_key = value.decode("latin-1").strip()
        elif name == b"accept":
            arrow = ARROW.encode() in value.lower()
        elif name == b"traceparent":
            traced = value[54:55] in _ODD
    return Asked(content_type, arrow, api_key or bearer, traced)


def read_question(body: bytes, asked: Asked, query: bytes, served: ServedEndpoint) -> Question:
    """Raises InvalidInput naming the field, TooLarge naming the limit."""
    shape, max_rows = served.shape, served.spec.serving.max_rows
    if asked.content_type == JSON:
        return read_json(body, shape, max_rows)
    if asked.content_type != ARROW:
        raise InvalidInput(f"the request's content type is {asked.content_type!r}", hint=f"send {JSON} or {ARROW}")
    said = {name: values[-1] for name, values in parse_qs(query.decode("latin-1")).items()}
    request_id = said.get("request_id") or new_id("req")
    if len(request_id) > LONGEST_ID:
        raise InvalidInput(f"request_id is longer than {LONGEST_ID} characters")
    columns = arrow_columns(body, shape, max_rows)
    return read_columns(
        columns, shape, max_rows, request_id=request_id, attributions=said.get("attributions") in ("true", "1")
    )


def json_answer(served: ServedEndpoint, question: Question, answers: Sequence[Answer]) -> bytes:
    if not question.batch:
        return orjson.dumps(answers[0].document(served))
    predictions = [answer.document(served) for answer in answers]
    return orjson.dumps({"request_id": question.request_id, "endpoint": served.name, "predictions": predictions})


def arrow_answer(served: ServedEndpoint, answers: Sequence[Answer]) -> bytes:
    """A row per answer with the fields of `Prediction`; of attributions, a struct of the base and each column."""
    documents = [answer.document(served) for answer in answers]
    columns: dict[str, Any] = {name: [d[name] for d in documents] for name in documents[0] if name != "attributions"}
    for name in ("degraded", "missing", "expired", "defaulted"):
        columns[name] = pa.array(map(list, columns[name]), _NAMES)
    columns["fallback"] = pa.array(columns["fallback"], pa.string())
    explained = [d["attributions"] for d in documents]
    if any(each is not None for each in explained):
        columns["attributions"] = pa.array(
            [None if each is None else {"base": each["base"], **each["features"]} for each in explained]
        )
    table = pa.table(columns)
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return sink.getvalue().to_pybytes()


def error_answer(error: VigiaError, answering: Answering) -> bytes:
    return orjson.dumps(answering.body(error.code, error.message, error.hint))
