"""What arrives is materialized once, in any order, and the source's spec steers it."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pyarrow as pa
import pytest

from foundation.clock import FixedClock
from foundation.errors import InvalidInput

MINUTE = timedelta(minutes=1)
NOW = datetime.fromisoformat("2026-11-19T05:51:00+00:00")


def pay(minutes_ago: float, card: str = "c1", amount: float | None = 10.0, **more: Any) -> dict[str, Any]:
    return {"at": NOW - minutes_ago * MINUTE, "card": card, "amount": amount, **more}


def test_features_are_as_of_the_newest_event_of_the_key(platform: Any) -> None:
    platform.deliver(pay(90, amount=100.0), pay(30, amount=20.0), pay(5, amount=None), pay(1, "c2", 7.0))
    run = platform.run()
    assert (run.status, run.rows) == ("succeeded", 4)
    assert platform.values("c1") == {"tx_count_1h": 2.0, "amount_sum_1h": 20.0, "amount_mean_24h": 60.0}
    assert platform.values("c2") == {"tx_count_1h": 1.0, "amount_sum_1h": 7.0, "amount_mean_24h": 7.0}


def test_the_window_excludes_its_far_end(platform: Any) -> None:
    platform.deliver(pay(61, amount=1.0), pay(60.99999, amount=2.0), pay(1, amount=4.0))
    platform.run()
    assert platform.values("c1")["amount_sum_1h"] == 6.0


def test_nothing_new_is_no_work_and_no_record(platform: Any) -> None:
    platform.deliver(pay(1))
    platform.run()
    recorded = len(platform.operations.runs)
    for _ in range(5):
        platform.clock.advance(MINUTE)
        assert platform.run().rows == 0
    assert len(platform.operations.runs) == recorded == 1


def test_successes_are_recorded_once_a_minute_with_all_their_rows(platform: Any) -> None:
    for step in range(12):
        platform.deliver(pay(0, f"c{step}"))
        platform.run()
        platform.clock.advance(timedelta(seconds=10))
    assert [run.rows for run in platform.operations.runs.values()] == [1, 6]


def test_a_late_row_updates_the_rows_after_it(platform: Any) -> None:
    platform.deliver(pay(10, amount=1.0), pay(2, amount=2.0))
    platform.run()
    platform.clock.advance(MINUTE)
    platform.deliver(pay(30, amount=4.0))
    assert platform.run().rows == 3
    assert platform.values("c1")["amount_sum_1h"] == 7.0


def test_an_event_delivered_twice_counts_once(platform: Any) -> None:
    platform.deliver(pay(3), pay(3))
    platform.run()
    platform.deliver(pay(3))
    platform.run()
    assert platform.values("c1")["tx_count_1h"] == 1.0


def test_an_event_with_a_wrong_clock_neither_freezes_its_key_nor_blinds_freshness(
    platform: Any, caplog: pytest.LogCaptureFixture
) -> None:
    ten_years = -60 * 24 * 3650
    platform.deliver(pay(5), pay(ten_years, amount=99999.0), pay(-4, "c2"))
    assert platform.run().rows == 2, "four minutes ahead is within tolerance"
    assert "payments_br: 1 of 3 rows" in caplog.text
    platform.clock.advance(10 * MINUTE)
    platform.deliver(pay(-10, amount=5.0))
    platform.run()
    assert platform.values("c1") == {"tx_count_1h": 2.0, "amount_sum_1h": 15.0, "amount_mean_24h": 7.5}
    assert platform.online.newest_event("br", "card_velocity") <= platform.clock.now()
    start, end = NOW - 60 * MINUTE, NOW + 60 * 24 * 4000 * MINUTE
    assert platform.materializer.backfill("card_velocity", start, end, "br").rows == 0


def test_an_event_days_late_still_finds_its_window(platform: Any) -> None:
    day = 24 * 60
    platform.deliver(pay(3 * day + 30, amount=1.0), pay(5))
    platform.materializer.load_history("card_velocity", "br")
    platform.deliver(pay(3 * day, "c1", 4.0))
    assert platform.run().rows == 1
    rows = platform.offline.read(
        "features_card_velocity", start=NOW - 3 * day * MINUTE, end=NOW - 3 * day * MINUTE + MINUTE
    )
    assert rows["amount_sum_1h"].to_pylist() == [5.0]


def test_tenants_are_apart(platform: Any) -> None:
    platform.deliver(pay(1))
    platform.deliver(pay(1, amount=99.0), tenant="mx")
    platform.run()
    platform.run(tenant="mx")
    assert platform.values("c1")["amount_sum_1h"] == 10.0
    assert platform.values("c1", tenant="mx")["amount_sum_1h"] == 99.0


def test_a_cancelled_job_does_nothing_and_resumes_where_it_was(platform: Any) -> None:
    platform.deliver(pay(2))
    platform.set_job("card_velocity", "cancelled")
    assert [platform.run().status for _ in range(3)] == ["cancelled"] * 3
    assert platform.values("c1") == {}
    platform.set_job("card_velocity", "running")
    assert platform.run().rows == 1


def test_a_renamed_join_key_fails_the_run_and_a_mapping_mends_it(platform: Any) -> None:
    platform.deliver(pay(9, device="d1"))
    assert platform.run("device_risk").status == "succeeded"
    for minute in (3, 2):
        platform.deliver(pay(minute, f"c{minute}"), device_id=None, device_fingerprint=["d1"])
        failed = platform.run("device_risk")
    assert failed.status == "failed"
    assert failed.error == (
        "contract broken: column 'device_id' of source payments_br is null in 2 of 2 new rows since"
        " 2026-11-19T05:48:00+00:00; columns not in the catalog: device_fingerprint (string)"
    )
    assert platform.run("card_velocity").status == "succeeded"
    assert platform.values("d1", "device_risk")["tx_count_24h"] == 1.0
    platform.set_source(field_mapping={"device_id": "device_fingerprint"})
    assert platform.run("device_risk").status == "succeeded"
    assert platform.values("d1", "device_risk") == {"tx_count_24h": 3.0, "cards_24h": 3.0}


def test_a_renamed_event_time_fails_the_run_and_a_mapping_mends_it(platform: Any) -> None:
    platform.deliver(pay(9))
    platform.run()
    at = pa.array([NOW - 3 * MINUTE], pa.timestamp("us", "UTC"))
    platform.deliver(pay(3, amount=20.0), event_ts=None, event_time=at)
    failed = platform.run()
    assert failed.status == "failed"
    assert "column 'event_ts' of source payments_br is null in 1 of 1 new rows" in (failed.error or "")
    platform.set_source(field_mapping={"event_ts": "event_time"})
    assert platform.run().status == "succeeded"
    assert platform.values("c1")["amount_sum_1h"] == 30.0
    platform.materializer = platform.restarted()
    platform.deliver(pay(2, amount=40.0))
    platform.run()
    assert platform.values("c1")["amount_sum_1h"] == 70.0, "a restart finds the renamed rows again"
    again = platform.materializer.backfill("card_velocity", NOW - 60 * MINUTE, NOW, "br")
    assert (again.status, again.rows) == ("succeeded", 0)


def test_rows_before_the_break_are_materialized_and_the_mixed_ones_follow_the_mapping(platform: Any) -> None:
    platform.deliver(pay(9, device="d1"), pay(8, "c2", device=None), device_fingerprint=[None, "d1"])
    assert platform.run("device_risk").status == "succeeded"
    platform.deliver(pay(7, "c3", device="d1"))
    platform.deliver(pay(6, "c4", device=None))
    assert platform.run("device_risk").status == "failed"
    assert platform.values("d1", "device_risk")["tx_count_24h"] == 2.0
    platform.set_source(field_mapping={"device_id": "device_fingerprint"})
    platform.run("device_risk")
    assert platform.values("d1", "device_risk")["tx_count_24h"] == 3.0


def test_a_burst_of_nulls_in_a_value_is_the_monitors_business(platform: Any) -> None:
    platform.deliver(*(pay(1, f"c{i}", None) for i in range(3)))
    assert platform.run().status == "succeeded"


def test_quarantine_restores_the_last_known_good_and_release_catches_up(platform: Any) -> None:
    platform.deliver(pay(40, amount=10.0))
    platform.run()
    since = NOW - 20 * MINUTE
    platform.deliver(pay(15, amount=1000.0), pay(14, "c2", 2000.0))
    platform.run()
    assert platform.values("c1")["amount_sum_1h"] == 1010.0

    platform.set_source(quarantine_since=since)
    assert platform.run().rows == 2
    assert platform.values("c1")["amount_sum_1h"] == 10.0
    assert platform.values("c2") == {"tx_count_1h": 0.0, "amount_sum_1h": None, "amount_mean_24h": None}
    assert platform.online.newest_event("br", "card_velocity") == since - timedelta(microseconds=1)

    platform.deliver(pay(1, amount=3000.0), pay(30, "c3", 5.0))
    assert platform.run().rows == 1
    assert platform.values("c1")["amount_sum_1h"] == 10.0
    assert platform.values("c3")["amount_sum_1h"] == 5.0

    platform.set_source()
    platform.run()
    assert platform.values("c1")["amount_sum_1h"] == 4010.0
    assert platform.values("c2")["amount_sum_1h"] == 2000.0


def test_moving_a_quarantine_later_releases_what_lies_between(platform: Any) -> None:
    platform.deliver(pay(40, amount=1.0), pay(20, amount=2.0), pay(10, amount=4.0))
    platform.set_source(quarantine_since=NOW - 30 * MINUTE)
    platform.run()
    assert platform.values("c1")["amount_sum_1h"] == 1.0
    platform.set_source(quarantine_since=NOW - 15 * MINUTE)
    platform.run()
    assert platform.values("c1")["amount_sum_1h"] == 3.0
    platform.set_source(quarantine_since=NOW - 50 * MINUTE)
    platform.run()
    assert platform.values("c1")["tx_count_1h"] == 0.0


def test_a_restart_goes_on_from_the_checkpoint(platform: Any) -> None:
    platform.deliver(pay(9, amount=1.0))
    platform.run()
    platform.deliver(pay(5, amount=2.0))
    materializer = platform.restarted()
    assert materializer.run("card_velocity", "br").rows == 1
    assert platform.values("c1")["amount_sum_1h"] == 3.0
    assert platform.restarted().run("card_velocity", "br").rows == 0


def test_history_then_stream(platform: Any) -> None:
    platform.deliver(*(pay(m, amount=1.0) for m in range(300, 30, -30)))
    assert platform.materializer.load_history("card_velocity", "br") == 9
    assert platform.values("c1")["amount_mean_24h"] == 1.0
    assert platform.run().rows == 0
    platform.deliver(pay(1, amount=11.0))
    assert platform.run().rows == 1
    assert platform.values("c1") == {"tx_count_1h": 2.0, "amount_sum_1h": 12.0, "amount_mean_24h": 2.0}


def test_backfill_repairs_what_is_missing_and_can_be_repeated(platform: Any) -> None:
    platform.deliver(pay(50, amount=1.0), pay(40, "c2", 2.0))
    platform.deliver(pay(1, amount=4.0))
    start, end = NOW - 60 * MINUTE, NOW - 30 * MINUTE
    first = platform.materializer.backfill("card_velocity", start, end, "br")
    assert (first.status, first.rows) == ("succeeded", 2)
    platform.run()
    newest = platform.values("c1")
    again = platform.materializer.backfill("card_velocity", start, end, "br")
    assert (again.status, again.rows) == ("succeeded", 0)
    assert platform.values("c1") == newest
    assert newest["amount_sum_1h"] == 5.0


def test_a_source_that_is_not_there_fails_the_run_not_the_caller(platform: Any) -> None:
    failed = platform.run()
    assert failed.status == "failed"
    assert "payments_br" in (failed.error or "")


@pytest.mark.parametrize(("view", "tenant"), [("card_velocty", "br"), ("card_velocity", "cl")])
def test_unknown_names_are_refused(platform: Any, view: str, tenant: str) -> None:
    with pytest.raises(InvalidInput, match="card_velocity"):
        platform.run(view, tenant)


def test_the_window_is_trimmed_and_still_right(platform: Any) -> None:
    clock: FixedClock = platform.clock
    for _ in range(21):
        platform.deliver({"at": clock.now(), "card": "c1", "amount": 1.0})
        assert platform.run().status == "succeeded"
        clock.advance(timedelta(hours=2))
    assert platform.values("c1") == {"tx_count_1h": 1.0, "amount_sum_1h": 1.0, "amount_mean_24h": 1.0}
