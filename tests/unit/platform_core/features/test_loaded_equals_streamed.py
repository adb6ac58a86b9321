"""A history loaded in one go says of no moment more than was known then: the stream is the witness."""

from __future__ import annotations

import random
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from platform_core.features.historical import get_historical_features
from tests.fakes.velocity import CATALOG

MINUTE = timedelta(minutes=1)
NOW = datetime.fromisoformat("2026-11-19T05:51:00+00:00")
FEATURES = ["card_velocity:tx_count_1h", "card_velocity:amount_sum_1h", "card_velocity:amount_mean_24h"]


def pay(minutes_ago: float, card: str = "c1", amount: float = 10.0) -> dict[str, Any]:
    return {"at": NOW - minutes_ago * MINUTE, "card": card, "amount": amount}


def known(platform: Any, at: datetime, card: str = "c1", as_of: Any = "created") -> dict[str, Any]:
    rows = pa.table({"card_id": [card], "event_timestamp": pa.array([at], pa.timestamp("us", "UTC"))})
    answer = get_historical_features(platform.offline, CATALOG, FEATURES, rows, as_of=as_of, tenant="br")
    (row,) = answer.to_pylist()
    return row


def test_a_loaded_row_is_not_known_before_the_late_event_that_is_in_it(platform: Any) -> None:
    platform.clock.advance(-300 * MINUTE)
    platform.deliver(pay(330), pay(310))
    platform.clock.advance(180 * MINUTE)
    platform.deliver(pay(320, amount=99.0))
    platform.materializer.load_history("card_velocity", "br")
    assert known(platform, NOW - 290 * MINUTE)["card_velocity__amount_sum_1h"] == 10.0, "the late 99 came 2 h later"
    assert known(platform, NOW - 290 * MINUTE, as_of="event")["card_velocity__amount_sum_1h"] == 119.0


@pytest.mark.parametrize("seed", range(4))
def test_a_loaded_row_is_known_when_the_stream_had_it(seed: int, make_platform: Any, tmp_path: Path) -> None:
    chance = random.Random(seed)
    streamed, loaded = make_platform(tmp_path / "streamed"), make_platform(tmp_path / "loaded")
    for platform in (streamed, loaded):
        platform.clock.advance(-24 * 60 * MINUTE)
    for step in range(23):
        ago = 24 * 60 - 60 * step
        late = [ago + chance.choice([1, 5, 50, 90, 700]) + chance.random() for _ in range(chance.randrange(4))]
        events = [pay(minutes, chance.choice(["c1", "c2"]), chance.randrange(1, 9)) for minutes in late]
        for platform in (streamed, loaded):
            platform.deliver(*events)
        assert streamed.materializer.run("card_velocity", "br").status == "succeeded"
        for platform in (streamed, loaded):
            platform.clock.advance(60 * MINUTE)
    streamed.materializer.flush()
    loaded.materializer.load_history("card_velocity", "br")
    rows = [newest_rows(platform) for platform in (streamed, loaded)]
    assert len(rows[0]) > 20
    assert rows[1] == rows[0]


def newest_rows(platform: Any) -> dict[Any, Any]:
    """Of each key and event time the row created last, with that time."""
    table = platform.offline.read("features_card_velocity").sort_by("created_ts")
    return {(row["key"], row["event_ts"]): row for row in table.to_pylist()}
