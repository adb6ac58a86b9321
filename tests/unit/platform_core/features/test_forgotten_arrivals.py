"""A source whose Delta log was cleaned below a view's watermark goes on by itself."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from deltalake import DeltaTable

from platform_core.features.offline.delta import DeltaOfflineStore

MINUTE = timedelta(minutes=1)
NOW = datetime.fromisoformat("2026-11-19T05:51:00+00:00")


def pay(minutes_ago: float, amount: float) -> dict[str, Any]:
    return {"at": NOW - minutes_ago * MINUTE, "card": "c1", "amount": amount}


def clean_log(directory: Path, *versions: int) -> None:
    """What log cleaning does: a checkpoint of the newest version stands for the commits that go."""
    table = directory / "offline" / "payments_br"
    DeltaTable(str(table)).create_checkpoint()
    for version in versions:
        (table / "_delta_log" / f"{version:020d}.json").unlink()


@pytest.mark.parametrize("restarted", [True, False])
def test_all_rows_are_taken_in_again(restarted: bool, platform: Any, tmp_path: Path) -> None:
    platform.deliver(pay(50, 1.0))
    platform.run()
    for minute in (40, 30, 20):
        platform.deliver(pay(minute, 1.0))
    clean_log(tmp_path, 0, 1, 2)
    if restarted:
        platform.offline = DeltaOfflineStore(tmp_path / "offline")
        platform.materializer = platform.restarted()
    assert platform.run().status == "succeeded"
    assert platform.values("c1")["amount_sum_1h"] == 4.0
    platform.deliver(pay(1, 1.0))
    run = platform.run()
    assert (run.status, run.rows) == ("succeeded", 1)
    assert platform.values("c1")["amount_sum_1h"] == 5.0
    assert platform.run().rows == 0


def test_a_sibling_view_and_a_mapping_come_through_as_well(platform: Any, tmp_path: Path) -> None:
    platform.deliver(pay(50, 1.0))
    assert platform.run().status == platform.run("device_risk").status == "succeeded"
    platform.set_job("device_risk", "cancelled")
    for minute in (40, 30):
        platform.deliver(pay(minute, 1.0))
        platform.run()
    clean_log(tmp_path, 0, 1)
    platform.set_job("device_risk", "running")
    platform.set_source(field_mapping={"amount": "amount_minor"})
    for view in ("card_velocity", "device_risk", "card_velocity"):
        assert platform.run(view).error is None
    assert platform.values("d1", "device_risk")["tx_count_24h"] == 3.0
    assert platform.values("c1")["tx_count_1h"] == 3.0
