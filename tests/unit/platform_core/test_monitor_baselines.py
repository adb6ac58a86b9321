"""What monitors compare with after a rebaseline: never what they judge, and never what came much later."""

from __future__ import annotations

from datetime import timedelta

import pytest

from platform_core.monitoring.alert import Alert
from platform_core.monitoring.drift import DriftMonitor
from platform_core.monitoring.monitor import Monitor
from platform_core.monitoring.recent import shared
from platform_core.monitoring.scores import ScoreShiftMonitor
from tests.fakes.monitored import NOW, Monitored

SOURCE = "urn:vigia:source:payments_br"
ENDPOINT = "urn:vigia:endpoint:fraud-br"


@pytest.fixture
def platform() -> Monitored:
    return Monitored()


def one(monitor: Monitor, platform: Monitored) -> Alert:
    (alert,) = monitor.check(shared(platform.view))
    return alert


def silent(monitor: Monitor, platform: Monitored) -> bool:
    return monitor.check(shared(platform.view)) == []


class TestDrift:
    @pytest.fixture(autouse=True)
    def watched(self, platform: Monitored) -> None:
        platform.watch("drift-payments_br-amount", SOURCE, 0.25)
        platform.payments(NOW - timedelta(days=2), 2 * 1440 - 180, 3)

    def test_a_new_baseline_makes_the_new_normal(self, platform: Monitored) -> None:
        platform.payments(NOW - timedelta(minutes=60), 60, 6, median=90.0)
        monitor = DriftMonitor()
        assert one(monitor, platform).kind == "drift"
        since = NOW - timedelta(minutes=60)
        platform.watch("drift-payments_br-amount", SOURCE, 0.25, baseline_since=since)
        assert silent(monitor, platform)
        assert monitor.readings["drift-payments_br-amount"] < 0.25

    def test_a_fresh_baseline_is_not_compared_with_itself(self, platform: Monitored) -> None:
        """Rebaselined in the middle of a fault: blind until the baseline lies before the sample, then seeing."""
        name = "drift-payments_br-amount"
        platform.watch(name, SOURCE, 0.25, baseline_since=NOW - timedelta(minutes=10))
        platform.payments(NOW - timedelta(minutes=10), 10, 12, median=4000.0)
        monitor = DriftMonitor()
        assert silent(monitor, platform)
        assert "fewer than 100 rows" in monitor.blind[name]
        assert name not in monitor.readings
        platform.clock.advance(timedelta(minutes=20))
        platform.payments(NOW, 20, 12, median=40.0)
        assert one(monitor, platform).kind == "drift", "not blind for hours because there was too little at first"

    def test_a_baseline_that_is_full_does_not_absorb_what_comes_later(self, platform: Monitored) -> None:
        since = NOW - timedelta(minutes=100)
        platform.watch("drift-payments_br-amount", SOURCE, 0.25, baseline_since=since)
        platform.payments(since, 100, 6, median=90.0)
        monitor = DriftMonitor()
        assert silent(monitor, platform)
        platform.payments(NOW, 180, 6, median=300.0, seed=5)
        platform.clock.advance(timedelta(minutes=180))
        assert one(monitor, platform).kind == "drift"
        assert one(DriftMonitor(), platform).kind == "drift", "nor after a restart"


class TestScoreShift:
    @pytest.fixture(autouse=True)
    def watched(self, platform: Monitored) -> None:
        platform.predictions(NOW - timedelta(days=1), 1440 - 70, 4, declined=0.014)

    def test_a_fresh_baseline_is_not_compared_with_itself(self, platform: Monitored) -> None:
        since = NOW - timedelta(minutes=20)
        platform.watch("score-fraud-br", ENDPOINT, 3.0, baseline_since=since)
        platform.predictions(since, 20, 6, declined=0.3)
        monitor = ScoreShiftMonitor()
        assert silent(monitor, platform)
        assert "fewer than 200 predictions" in monitor.blind["score-fraud-br"]
        platform.predictions(NOW, 60, 6, declined=0.3)
        platform.clock.advance(timedelta(minutes=60))
        assert silent(monitor, platform)
        assert monitor.readings["score-fraud-br"] == pytest.approx(0.3, abs=0.1)
        platform.predictions(NOW + timedelta(minutes=60), 20, 6, declined=0.95)
        platform.clock.advance(timedelta(minutes=20))
        assert one(monitor, platform).kind == "score_shift"
