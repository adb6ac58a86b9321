"""The fast way to a leaf's bytes is the slow way's equal."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit.leaf import Leaf, iso, parse_json
from foundation.canonical import canonical_bytes
from foundation.errors import InvalidInput

text = st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=20)
json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53) + 1, 2**53 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | text,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(text, inner, max_size=3),
    max_leaves=8,
)
payloads = st.dictionaries(text, json_values, max_size=4)


records = st.fixed_dictionaries(
    {"action": text, "actor": text, "subject": text, "tenant": st.none() | text, "incident_id": st.none() | text}
)


@given(records, payloads)
def test_joined_bytes_are_the_canonical_bytes(record: dict[str, Any], payload: dict[str, Any]) -> None:
    at, previous = iso(datetime(2026, 11, 19, 5, 51, tzinfo=UTC)), "0" * 64
    leaf = Leaf(sequence=7, recorded_at=at, payload=canonical_bytes(payload).decode(), previous_hash=previous, **record)
    whole = {"sequence": 7, "recorded_at": at, "previous_hash": previous, "record": {**record, "payload": payload}}
    assert leaf.encoded() == canonical_bytes(whole)


@given(payloads)
def test_a_payload_survives_being_stored(payload: dict[str, Any]) -> None:
    stored = canonical_bytes(payload)
    assert canonical_bytes(parse_json(stored.decode())) == stored


def test_floats_that_are_written_without_a_point_come_back_as_floats() -> None:
    stored = canonical_bytes({"big": 1e20})
    assert stored == b'{"big":100000000000000000000}'
    assert parse_json(stored.decode()) == {"big": 1e20}
    assert canonical_bytes(parse_json(stored.decode())) == stored


def test_times_are_hashed_in_utc_with_microseconds() -> None:
    sao_paulo = timezone(timedelta(hours=-3))
    assert iso(datetime(2026, 11, 19, 2, 51, tzinfo=sao_paulo)) == "2026-11-19T05:51:00.000000+00:00"


@pytest.mark.parametrize("bad", ["", "[1]", "{", '"text"', "1" * 5000])
def test_what_is_no_json_object_is_refused(bad: str) -> None:
    with pytest.raises(InvalidInput):
        parse_json(bad)
