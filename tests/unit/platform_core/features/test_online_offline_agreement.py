"""However rows arrive, online and the offline history end where one pass over all events would."""

from __future__ import annotations

import tempfile
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

MINUTE = timedelta(minutes=1)
NOW = datetime.fromisoformat("2026-11-19T05:51:00+00:00")

event = st.builds(
    lambda number, minutes, card, amount: {
        "id": f"e{number}",
        "at": NOW - minutes * MINUTE,
        "card": f"c{card}",
        "amount": amount,
    },
    st.integers(0, 15),
    st.integers(0, 180),
    st.integers(0, 2),
    st.none() | st.integers(1, 9).map(float),
)
batches = st.lists(st.lists(event, min_size=1, max_size=4), min_size=1, max_size=6)


def once(deliveries: list[list[dict[str, Any]]]) -> list[list[dict[str, Any]]]:
    """A repeated id is the same event: give every delivery of it the first one's content."""
    first: dict[str, dict[str, Any]] = {}
    return [[first.setdefault(e["id"], e) for e in delivery] for delivery in deliveries]


@settings(max_examples=10, deadline=None)
@given(deliveries=batches)
def test_any_order_of_arrival_gives_the_same_values(make_platform: Any, deliveries: list[list[dict[str, Any]]]) -> None:
    deliveries = once(deliveries)
    with tempfile.TemporaryDirectory() as directory:
        streamed = make_platform(Path(directory) / "streamed")
        for delivery in deliveries:
            streamed.deliver(*delivery)
            assert streamed.run().status == "succeeded"
        whole = make_platform(Path(directory) / "whole")
        whole.deliver(*(e for delivery in deliveries for e in delivery))
        whole.materializer.load_history("card_velocity", "br")
        for card in ("c0", "c1", "c2"):
            assert streamed.values(card) == pytest.approx(whole.values(card))
        assert newest(streamed) == pytest.approx(newest(whole))


def newest(platform: Any) -> dict[tuple[str, datetime, str], float]:
    """(key, event time, feature) -> the value that a point-in-time join would see; nulls as -1."""
    rows: pa.Table = platform.offline.read("features_card_velocity")
    seen: dict[tuple[str, datetime, str], float] = {}
    for row in sorted(rows.to_pylist(), key=lambda r: r["created_ts"]):
        for feature in ("tx_count_1h", "amount_sum_1h", "amount_mean_24h"):
            seen[row["key"], row["event_ts"], feature] = -1.0 if row[feature] is None else row[feature]
    return seen
