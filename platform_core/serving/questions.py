"""The body of a request, read: what is to be scored.

A request that is as it should be is read in one pass without a model object; whatever is not goes the long way, which
says which field is wrong.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, cast

import orjson
from pydantic import ValidationError

from foundation.errors import InvalidInput, TooLarge
from platform_core.serving.ports import Keys
from platform_core.serving.shape import RequestShape
from platform_core.serving.types import BatchRequest, PredictionRequest

_SINGLE = frozenset(PredictionRequest.model_fields)
LONGEST_ID = 256


class Row(NamedTuple):
    request_id: str
    keys: Keys
    """Per view of the endpoint's service."""

    inputs: tuple[float, ...]
    """In the order of the endpoint's shape."""


@dataclass(slots=True)
class Question:
    """`batch`: whether it is answered with a list, however many rows there are."""

    request_id: str
    rows: Sequence[Row]
    batch: bool
    attributions: bool


def read_json(body: bytes, shape: RequestShape, max_rows: int) -> Question:
    """Raises InvalidInput naming the field, TooLarge naming the limit."""
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise InvalidInput(f"body: not JSON: {error}") from error
    if type(document) is dict and "rows" in document:
        return _batch(document, shape, max_rows)
    return _fast(document, shape) or _single(document, shape)


def question(request: PredictionRequest, shape: RequestShape) -> Question:
    """Raises InvalidInput naming the field."""
    row = Row(request.request_id, shape.checked_keys(request.entities), shape.checked_numbers(request.inputs))
    return Question(request.request_id, (row,), batch=False, attributions=request.attributions)


def _fast(document: Any, shape: RequestShape) -> Question | None:
    try:
        request_id, keys, inputs = (
            document["request_id"],
            shape.keys(document["entities"]),
            shape.numbers(document["inputs"]),
        )
        attributions = document.get("attributions", False)
    except (KeyError, TypeError, AttributeError):
        return None
    if keys is None or inputs is None or type(request_id) is not str or len(request_id) > LONGEST_ID:
        return None
    if type(attributions) is not bool or not document.keys() <= _SINGLE:
        return None
    return Question(request_id, (Row(request_id, keys, inputs),), batch=False, attributions=attributions)


def _single(document: Any, shape: RequestShape) -> Question:
    try:
        return question(PredictionRequest.model_validate(document, strict=True), shape)
    except ValidationError as error:
        raise _invalid(error) from error


def _batch(document: dict[str, Any], shape: RequestShape, max_rows: int) -> Question:
    given = document["rows"]
    if isinstance(given, list):
        check_rows(len(cast(list[Any], given)), max_rows)
        fast = _fast_batch(document, cast(list[Any], given), shape)
        if fast is not None:
            return fast
    try:
        request = BatchRequest.model_validate(document, strict=True)
    except ValidationError as error:
        raise _invalid(error) from error
    rows: list[Row] = []
    for number, row in enumerate(request.rows):
        where = f"rows.{number}."
        keys, inputs = shape.checked_keys(row.entities, where), shape.checked_numbers(row.inputs, where)
        rows.append(Row(row.request_id or f"{request.request_id}-{number + 1}", keys, inputs))
    return Question(request.request_id, rows, batch=True, attributions=request.attributions)


def _fast_batch(document: dict[str, Any], given: list[Any], shape: RequestShape) -> Question | None:
    request_id, attributions = document.get("request_id"), document.get("attributions", False)
    if type(request_id) is not str or len(request_id) > LONGEST_ID or type(attributions) is not bool:
        return None
    if not given or not document.keys() <= _BATCH:
        return None
    rows: list[Row] = []
    try:
        for number, row in enumerate(given, start=1):
            keys, inputs = shape.keys(row["entities"]), shape.numbers(row["inputs"])
            if keys is None or inputs is None or len(row) != 2:  # with an id of its own: the long way
                return None
            rows.append(Row(f"{request_id}-{number}", keys, inputs))
    except (KeyError, TypeError):
        return None
    return Question(request_id, rows, batch=True, attributions=attributions)


_BATCH = frozenset(BatchRequest.model_fields)


def check_rows(rows: int, max_rows: int) -> None:
    """Raises TooLarge."""
    if rows > max_rows:
        raise TooLarge(f"{rows} rows in one request", hint=f"send at most {max_rows} at once")


def _invalid(error: ValidationError) -> InvalidInput:
    errors = error.errors(include_url=False)
    problems = [f"{'.'.join(map(str, e['loc'])) or 'body'}: {e['msg']}" for e in errors[:5]]
    if len(errors) > 5:
        problems.append(f"and {len(errors) - 5} more")
    return InvalidInput("; ".join(problems))


def check_columns(names: Iterable[str], shape: RequestShape) -> None:
    """Raises InvalidInput for a column that is not read."""
    unknown = sorted({*names} - {*shape.entities, *shape.join_keys, *shape.inputs, "request_id"})
    if unknown:
        reads = ", ".join([*shape.entities, *shape.inputs])
        raise InvalidInput(f"column {unknown[0][:100]!r} is not read here", hint=f"columns: {reads}")


def read_columns(
    columns: Mapping[str, Sequence[Any]],
    shape: RequestShape,
    max_rows: int,
    *,
    request_id: str,
    attributions: bool,
) -> Question:
    """A batch given by columns: one per entity and input, by their names, and `request_id` if rows have one.

    Raises InvalidInput naming row and column, TooLarge naming the limit.
    """
    check_columns(columns, shape)
    count = len(next(iter(columns.values()))) if columns else 0
    if not count:
        raise InvalidInput("rows: there are none", hint="send at least one row")
    check_rows(count, max_rows)
    keyed = [name for name in columns if name in shape.entities or name in shape.join_keys]
    given = [name for name in columns if name in shape.inputs]
    ids = columns.get("request_id") or [f"{request_id}-{number}" for number in range(1, count + 1)]
    rows: list[Row] = []
    for number in range(count):
        where = f"rows.{number}."
        entities = {name: columns[name][number] for name in keyed}
        inputs = {name: columns[name][number] for name in given}
        for name, key in entities.items():
            if key is not None and not isinstance(key, str):
                raise InvalidInput(f"{where}entities.{name} is a {type(key).__name__}", hint="keys are text")
        for name, value in inputs.items():
            if isinstance(value, bool) or not isinstance(value, int | float):
                raise InvalidInput(f"{where}inputs.{name} is {value!r}", hint="send a finite number")
        if not isinstance(ids[number], str) or len(ids[number]) > LONGEST_ID:
            raise InvalidInput(f"{where}request_id is not a text of at most {LONGEST_ID} characters")
        rows.append(Row(ids[number], shape.checked_keys(entities, where), shape.checked_numbers(inputs, where)))
    return Question(request_id, rows, batch=True, attributions=attributions)
