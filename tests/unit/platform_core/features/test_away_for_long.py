"""Lateness is what a row's own arrival says: who was away for weeks takes what came in time, and counts the rest."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.unit.platform_core.features.test_forgotten_arrivals import clean_log

DAY = timedelta(days=1)
NOW = datetime.fromisoformat("2026-11-19T05:51:00+00:00")


def keys(platform: Any) -> set[str]:
    return set(platform.offline.read("features_card_velocity")["key"].to_pylist())


def ten_days(platform: Any) -> set[str]:
    platform.deliver({"at": NOW, "card": "k0"})
    assert platform.materializer.catch_up("card_velocity", "br").status == "succeeded"
    for day in range(1, 11):
        platform.clock.advance(DAY)
        platform.deliver({"at": platform.clock.now(), "card": f"k{day}"})
    return {f"k{day}" for day in range(11)}


def test_punctual_rows_of_a_long_outage_are_all_taken(platform: Any) -> None:
    expected = ten_days(platform)
    run = platform.restarted().catch_up("card_velocity", "br")
    assert (run.status, run.rows, run.counts) == ("succeeded", 10, {"taken": 10})
    assert keys(platform) == expected
    assert platform.values("k1")["tx_count_1h"] == 1.0


def test_also_when_the_log_was_cleaned_meanwhile(platform: Any, tmp_path: Path) -> None:
    expected = ten_days(platform)
    clean_log(tmp_path, *range(10))
    platform.offline = type(platform.offline)(tmp_path / "offline")
    assert platform.restarted().catch_up("card_velocity", "br").status == "succeeded"
    assert keys(platform) == expected


def test_a_quarantine_of_weeks_is_released_whole(platform: Any) -> None:
    platform.deliver({"at": NOW - DAY, "card": "k0"})
    platform.materializer.catch_up("card_velocity", "br")
    platform.set_source(quarantine_since=NOW)
    for day in range(1, 11):
        platform.clock.advance(DAY)
        platform.deliver({"at": platform.clock.now(), "card": f"k{day}"})
        platform.run()
    platform.set_source()
    assert platform.run().status == "succeeded"
    platform.materializer.flush()
    assert keys(platform) >= {f"k{day}" for day in range(1, 11)}
    assert platform.values("k1")["tx_count_1h"] == 1.0


def test_what_came_too_late_is_counted_and_left_to_a_backfill(platform: Any, caplog: pytest.LogCaptureFixture) -> None:
    platform.deliver({"at": NOW, "card": "k0"})
    platform.materializer.catch_up("card_velocity", "br")
    platform.clock.advance(DAY)
    at = NOW - 9 * DAY
    platform.deliver({"at": at, "card": "old"}, {"at": NOW - DAY, "card": "young"})
    run = platform.materializer.catch_up("card_velocity", "br")
    assert (run.rows, run.counts) == (1, {"taken": 2, "late": 2, "too_late": 1})
    assert "1 rows of version 1 came over 7 days after their events and are left to a backfill" in caplog.text
    assert "old" not in keys(platform)
    assert platform.materializer.backfill("card_velocity", at, at + DAY, "br").rows == 1
    assert "old" in keys(platform)
