"""The quick way to read a request and the long way say the same, and a wrong field is named."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foundation.errors import InvalidInput, VigiaError
from platform_core.serving.questions import read_json
from platform_core.serving.shape import RequestShape
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
    """What is asked, or what is said against it."""
    try:
        return read_json(json.dumps(document).encode(), SHAPE, 10)
    except VigiaError as error:
        return error.http_status, error.message, error.hint


def _read_the_long_way(document: Any) -> Any:
    with pytest.MonkeyPatch.context() as patch:
        for quick in ("_fast", "_fast_batch"):
            patch.setattr(f"platform_core.serving.questions.{quick}", lambda *_: None)
        return _read(document)


@given(
    st.sampled_from(["request_id", "entities", "inputs", "attributions", "more"]),
    odd,
    st.sampled_from(["card", "device", "card_id", "merchant", "amount", "hour", "other"]),
    odd,
)
def test_both_ways_agree(field: str, value: Any, inner: str, inner_value: Any) -> None:
    group = "entities" if inner in ("card", "device", "card_id", "merchant") else "inputs"
    for document in ({**RIGHT, field: value}, {**RIGHT, group: {**RIGHT[group], inner: inner_value}}):
        one = _read(document)
        assert one == _read_the_long_way(document)
        row = {k: document[k] for k in ("entities", "inputs")}
        batch = _read({"request_id": "b", "rows": [row]})
        assert batch == _read_the_long_way({"request_id": "b", "rows": [row]})
        if field in ("entities", "inputs"):
            refused = isinstance(one, tuple)
            assert isinstance(batch, tuple) == refused
            if not refused:
                assert [row[1:] for row in batch.rows] == [row[1:] for row in one.rows]


@pytest.mark.parametrize(
    ("entities", "says"),
    [
        ({"card": "c", "device": "d", "merchant": "m"}, "this endpoint does not read entities.merchant"),
        ({"card": "c", "dev": "d"}, "the request lacks entities.device"),
        ({"card": "c", "device": "d", "card_id": "x"}, "entities.card is not what entities.card_id says"),
        ({"card": "c", "device": "d", "card_id": ""}, "this endpoint does not read entities.card_id"),
        ({"card": 7, "device": "d"}, "entities.card: Input should be a valid string"),
    ],
)
def test_a_wrong_entity_is_named(entities: dict[str, Any], says: str) -> None:
    assert _read({**RIGHT, "entities": entities})[:2] == (422, says)
    row = {"entities": entities, "inputs": RIGHT["inputs"]}
    status, message, _ = _read({"request_id": "b", "rows": [row]})
    assert (status, message) == (422, says.replace("entities.", "rows.0.entities."))


def test_an_entity_is_given_by_its_name_or_its_join_keys() -> None:
    by_join_key = {**RIGHT, "entities": {"card_id": "c", "device": "d"}}
    both = {**RIGHT, "entities": {"card_id": "c", "card": "c", "device": "d"}}
    assert _read(by_join_key) == _read(both) == _read(RIGHT)
    assert _read(RIGHT).rows[0].keys == ("c", "d")


@pytest.mark.parametrize("group", ["entities", "inputs"])
@pytest.mark.parametrize("odd", [[], "", 0, None])
def test_a_service_that_reads_nothing_of_a_kind_still_wants_a_mapping(group: str, odd: Any) -> None:
    catalog = small_catalog()
    reads: dict[str, Any] = {"features": (), "request_fields": ()}
    service = catalog.feature_services[0].model_copy(update=reads)
    shape = RequestShape(catalog.model_copy(update={"feature_services": (service,)}), SERVICE)
    document = {"request_id": "r", "entities": {}, "inputs": {}}
    assert read_json(json.dumps(document).encode(), shape, 10).rows[0][1:] == ((), ())
    with pytest.raises(InvalidInput, match=f"{group}: "):
        read_json(json.dumps({**document, group: odd}).encode(), shape, 10)


@pytest.mark.parametrize("number", ["1e400", "-1e400", "NaN", "1" + "0" * 400])
def test_a_number_beyond_all_numbers_is_refused(number: str) -> None:
    body = json.dumps(RIGHT).replace("1.5", number).encode()
    with pytest.raises(InvalidInput, match=r"inputs\.amount|not JSON"):
        read_json(body, SHAPE, 10)
