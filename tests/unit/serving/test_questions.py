"""The quick way to read a request and the long way say the same, and a wrong field is named."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foundation.errors import InvalidInput, VigiaError
from platform_core.serving.questions import question, read_json
from platform_core.serving.shape import RequestShape
from platform_core.serving.types import PredictionRequest
from tests.fakes.payments import SERVICE, small_catalog

SHAPE = RequestShape(small_catalog(), SERVICE)
RIGHT: dict[str, Any] = {
    "request_id": "r",
    "entities": {"card": "c", "device": "d"},
    "inputs": {"amount": 1.5, "hour": 3, "is_online": 0},
}
odd = st.one_of(
    st.none(), st.booleans(), st.integers(-9, 9), st.floats(), st.text(max_size=3), st.just([]), st.just({})
)


def _read(document: Any) -> Any:
    try:
        return read_json(json.dumps(document).encode(), SHAPE, 10)
    except VigiaError as error:
        return type(error)


@given(
    st.sampled_from(["request_id", "entities", "inputs", "attributions", "more"]),
    odd,
    st.sampled_from(["card", "device", "amount", "hour", "other"]),
    odd,
)
def test_both_ways_agree(field: str, value: Any, inner: str, inner_value: Any) -> None:
    group = "entities" if inner in ("card", "device") else "inputs"
    for document in ({**RIGHT, field: value}, {**RIGHT, group: {**RIGHT[group], inner: inner_value}}):
        try:
            long = question(PredictionRequest.model_validate(json.loads(json.dumps(document)), strict=True), SHAPE)
        except ValueError:
            long = InvalidInput
        except VigiaError as error:
            long = type(error)
        assert _read(document) == long
        batch = _read({"request_id": "b", "rows": [{k: document[k] for k in ("entities", "inputs")}]})
        if not isinstance(long, type) and field not in ("request_id", "attributions"):
            assert [row[1:] for row in batch.rows] == [row[1:] for row in long.rows]


def test_an_entity_is_given_by_its_name_or_its_join_keys() -> None:
    by_join_key = {**RIGHT, "entities": {"card_id": "c", "device": "d", "merchant": "m"}}
    assert _read(by_join_key) == _read(RIGHT)
    assert _read(RIGHT).rows[0].keys == ("c", "d")


@pytest.mark.parametrize("number", ["1e400", "-1e400", "NaN", "1" + "0" * 400])
def test_a_number_beyond_all_numbers_is_refused(number: str) -> None:
    body = json.dumps(RIGHT).replace("1.5", number).encode()
    with pytest.raises(InvalidInput, match=r"inputs\.amount|not JSON"):
        read_json(body, SHAPE, 10)
