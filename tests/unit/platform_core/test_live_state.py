"""What a card says of a view as it is now."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pyarrow as pa
import pytest

from platform_core.catalog.card import view_card
from platform_core.features.feature_rows import offline_table
from platform_core.features.online.rows import FeatureRow
from platform_core.monitoring.live_state import view_state
from platform_core.operations.timeline import JobRun
from tests.fakes.monitored import NOW, Monitored

TIMES = pa.timestamp("us", "UTC")


@pytest.fixture
def monitored() -> Monitored:
    return Monitored()


def test_freshness_and_values_of_each_tenant(monitored: Monitored) -> None:
    platform = monitored.view
    now = platform.clock.now()
    view = platform.catalog.feature_view("card_velocity")
    row = FeatureRow("c1", now - timedelta(minutes=20), now, {"tx_count_1h": 1.0})
    platform.online.write("br", "card_velocity", [row])
    hours = [1, 2, 30]
    columns = {
        "tenant": ["br", "br", "br"],
        "key": ["c1"] * 3,
        "event_ts": pa.array([now - timedelta(hours=h) for h in hours], TIMES),
        "created_ts": pa.array([now] * 3, TIMES),
        "tx_count_1h": pa.array([3.0, None, 99.0], pa.float64()),
    }
    platform.offline.append(offline_table("card_velocity"), pa.table(columns))
    state = view_state(platform, view)
    assert list(state) == ["ar", "br", "co", "mx"]
    br = state["br"]
    assert (br.lag, br.rows, br.last_run) == (timedelta(minutes=20), 2, "")
    assert (br.features["tx_count_1h"].null_rate, br.features["tx_count_1h"].maximum) == (0.5, 3.0)
    assert (state["ar"].lag, state["ar"].rows, dict(state["ar"].features)) == (None, 0, {})
    page = view_card(platform.catalog, view, platform.lineage, state)
    newest = f"{now - timedelta(minutes=20):%Y-%m-%d %H:%M:%S} UTC"
    assert f"| `br` | {newest} | 20m (over the SLA) | 2 | never |" in page
    assert "| `br` | `tx_count_1h` | 50.00% | 3 | 3 |" in page


@pytest.mark.parametrize(
    ("status", "said"), [("succeeded", "40 rows"), ("running", "40 rows so far"), ("cancelled", "40 rows until then")]
)
def test_the_card_says_how_far_the_last_run_came(status: Any, said: str) -> None:
    platform = Monitored()
    run = JobRun(
        id="run_1", job="urn:vigia:job:materialize-card_velocity", subject="urn:vigia:feature_view:card_velocity",
        tenant="br", started_at=NOW - timedelta(minutes=1), status=status, rows=40,
    )  # fmt: skip
    platform.records.runs.append(run)
    view = platform.view.catalog.feature_view("card_velocity")
    found = view_state(platform.view, view, ["br"])["br"].last_run
    assert found == f"{status} 2026-11-19 05:59 UTC, {said}"
