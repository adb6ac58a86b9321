"""Each monitor fires on what it is for, and on nothing less."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pyarrow as pa
import pytest

from platform_core.monitoring.alert import Alert
from platform_core.monitoring.cost import CostMonitor
from platform_core.monitoring.definitions import definitions
from platform_core.monitoring.drift import DriftMonitor
from platform_core.monitoring.freshness import FreshnessMonitor
from platform_core.monitoring.jobs import JobFailureMonitor
from platform_core.monitoring.latency import LatencyMonitor
from platform_core.monitoring.monitor import Monitor
from platform_core.monitoring.nulls import NullMonitor
from platform_core.monitoring.recent import shared
from platform_core.monitoring.registry import monitors
from platform_core.monitoring.scores import ScoreShiftMonitor
from platform_core.monitoring.volume import VolumeMonitor
from platform_core.operations.timeline import JobRun, UsageRecord
from tests.fakes.monitored import NOW, TIMESTAMP, Monitored

SOURCE = "urn:vigia:source:payments_br"
ENDPOINT = "urn:vigia:endpoint:fraud-br"
JOB = "urn:vigia:job:materialize-device_risk"


@pytest.fixture
def platform() -> Monitored:
    return Monitored()


def one(monitor: Monitor, platform: Monitored) -> Alert:
    (alert,) = monitor.check(shared(platform.view))
    return alert


def silent(monitor: Monitor, platform: Monitored) -> bool:
    return monitor.check(shared(platform.view)) == []


def test_registry_prefixes_are_unique() -> None:
    prefixes = [monitor.prefix for monitor in monitors()]
    assert len(set(prefixes)) == len(prefixes) == 18


@pytest.mark.parametrize("monitor", monitors(), ids=lambda monitor: monitor.prefix)
def test_nothing_to_watch_is_nothing_to_say(monitor: Monitor, platform: Monitored) -> None:
    assert silent(monitor, platform)


@pytest.mark.parametrize("name", ["volume-payments_br", "drift-payments_br-amount", "nulls-payments_br-amount"])
def test_a_table_that_is_not_there_yet_is_no_alert(name: str, platform: Monitored) -> None:
    platform.watch(name, SOURCE, 0.1)
    assert all(silent(monitor, platform) for monitor in monitors())


class TestFreshness:
    @pytest.fixture(autouse=True)
    def watched(self, platform: Monitored) -> None:
        platform.watch("freshness-card_velocity-br", "urn:vigia:feature_view:card_velocity", 600)

    def test_fires_past_the_sla(self, platform: Monitored) -> None:
        platform.online.newest["br", "card_velocity"] = NOW - timedelta(minutes=11)
        alert = one(FreshnessMonitor(), platform)
        assert (alert.kind, alert.tenant, alert.value) == ("freshness", "br", 660)
        assert alert.subject == "urn:vigia:feature_view:card_velocity"

    def test_is_silent_within_it_and_before_the_first_value(self, platform: Monitored) -> None:
        assert silent(FreshnessMonitor(), platform)
        platform.online.newest["br", "card_velocity"] = NOW - timedelta(minutes=9)
        assert silent(FreshnessMonitor(), platform)

    def test_a_quarantine_does_not_page_for_what_it_holds_back(self, platform: Monitored) -> None:
        since = NOW - timedelta(hours=2)
        platform.online.newest["br", "card_velocity"] = since - timedelta(minutes=1)
        platform.quarantine("payments_br", since)
        monitor = FreshnessMonitor()
        assert silent(monitor, platform)
        assert monitor.readings["freshness-card_velocity-br"] == 60
        platform.quarantine("payments_br", None)
        assert one(FreshnessMonitor(), platform).value == 7260

    def test_a_newest_value_from_the_future_is_not_called_fresh(self, platform: Monitored) -> None:
        platform.online.newest["br", "card_velocity"] = NOW + timedelta(days=3650)
        monitor = FreshnessMonitor()
        assert silent(monitor, platform)
        assert "dated 2036" in monitor.blind["freshness-card_velocity-br"]

    def test_another_tenants_quarantine_excuses_nothing(self, platform: Monitored) -> None:
        platform.online.newest["br", "card_velocity"] = NOW - timedelta(hours=2)
        platform.quarantine("payments_mx", NOW - timedelta(hours=3), tenant="mx")
        assert one(FreshnessMonitor(), platform).kind == "freshness"

    def test_what_lagged_before_the_quarantine_is_still_said(self, platform: Monitored) -> None:
        since = NOW - timedelta(hours=2)
        platform.online.newest["br", "card_velocity"] = since - timedelta(minutes=11)
        platform.quarantine("payments_br", since)
        assert one(FreshnessMonitor(), platform).value == 660


class TestVolume:
    @pytest.fixture(autouse=True)
    def watched(self, platform: Monitored) -> None:
        platform.watch("volume-payments_br", SOURCE, 0.4)
        platform.payments(NOW - timedelta(days=3), 3 * 1440 - 60, 4)

    def test_fires_when_rows_stop(self, platform: Monitored) -> None:
        alert = one(VolumeMonitor(), platform)
        assert (alert.kind, alert.value) == ("volume", 0.0)

    @pytest.mark.parametrize("per_minute", [2, 4, 9])
    def test_is_silent_when_it_is_quieter_or_busier(self, per_minute: int, platform: Monitored) -> None:
        platform.payments(NOW - timedelta(minutes=60), 60, per_minute)
        assert silent(VolumeMonitor(), platform)


class TestNulls:
    @pytest.fixture(autouse=True)
    def watched(self, platform: Monitored) -> None:
        platform.watch("nulls-payments_br-amount", SOURCE, 0.01)

    def test_fires_on_a_third(self, platform: Monitored) -> None:
        platform.payments(NOW - timedelta(minutes=10), 10, 6, nulls=0.35)
        alert = one(NullMonitor(), platform)
        assert alert.kind == "nulls"
        assert alert.value == pytest.approx(0.35, abs=0.15)

    def test_every_join_key_is_watched(self, platform: Monitored) -> None:
        """Half the rows without their device: no contract breaks, and no feature of theirs is ever computed."""
        names = {d.name: d.spec for d in definitions(platform.view.catalog, [])}
        for column in ("card_id", "device_id", "merchant_id"):
            platform.watch(f"nulls-payments_br-{column}", SOURCE, names[f"nulls-payments_br-{column}"].threshold)
        times = pa.array([NOW - timedelta(seconds=9 * n) for n in range(60)], TIMESTAMP)
        keys = [None if n % 2 else f"k{n}" for n in range(60)]
        rows = {"event_ts": times, "amount": [1.0] * 60, "card_id": ["c"] * 60, "merchant_id": ["m"] * 60}
        platform.offline.append("payments_br", pa.table({**rows, "device_id": keys}))
        alert = one(NullMonitor(), platform)
        assert (alert.labels["monitor"], alert.value) == ("nulls-payments_br-device_id", 0.5)

    @pytest.mark.parametrize(("per_minute", "nulls"), [(6, 0.0), (6, 0.01), (1, 0.5)])
    def test_is_silent_within_the_promise_or_without_rows_enough(
        self, per_minute: int, nulls: float, platform: Monitored
    ) -> None:
        platform.payments(NOW - timedelta(minutes=10), 10, per_minute, nulls=nulls)
        assert silent(NullMonitor(), platform)


class TestDrift:
    @pytest.fixture(autouse=True)
    def watched(self, platform: Monitored) -> None:
        platform.watch("drift-payments_br-amount", SOURCE, 0.25)
        platform.payments(NOW - timedelta(days=2), 2 * 1440 - 180, 3)

    def test_fires_on_cents(self, platform: Monitored) -> None:
        platform.payments(NOW - timedelta(minutes=15), 15, 6, median=4000.0)
        alert = one(DriftMonitor(), platform)
        assert alert.kind == "drift"
        assert alert.value is not None
        assert alert.value > 1

    @pytest.mark.parametrize("seed", range(15))
    def test_is_silent_on_samples_of_the_same(self, seed: int, platform: Monitored) -> None:
        platform.payments(NOW - timedelta(minutes=15), 15, 4, seed=100 + seed)
        assert silent(DriftMonitor(), platform)

    def test_is_silent_without_enough_rows(self, platform: Monitored) -> None:
        platform.payments(NOW - timedelta(minutes=15), 15, 2, median=4000.0)
        assert silent(DriftMonitor(), platform)


class TestScoreShift:
    @pytest.fixture(autouse=True)
    def watched(self, platform: Monitored) -> None:
        platform.watch("score-fraud-br", ENDPOINT, 3.0)
        platform.predictions(NOW - timedelta(days=1), 1440 - 70, 4, declined=0.014)

    def test_fires_on_a_tenfold_decline_rate(self, platform: Monitored) -> None:
        platform.predictions(NOW - timedelta(minutes=20), 20, 5, declined=0.15)
        alert = one(ScoreShiftMonitor(), platform)
        assert (alert.kind, alert.subject) == ("score_shift", ENDPOINT)

    @pytest.mark.parametrize("seed", range(12))
    def test_is_silent_on_the_usual_rate(self, seed: int, platform: Monitored) -> None:
        platform.predictions(NOW - timedelta(minutes=20), 20, 4, declined=0.014, seed=50 + seed)
        assert silent(ScoreShiftMonitor(), platform)

    def test_is_silent_on_few_predictions(self, platform: Monitored) -> None:
        platform.predictions(NOW - timedelta(minutes=20), 20, 1, declined=0.5)
        assert silent(ScoreShiftMonitor(), platform)


class TestLatency:
    @pytest.fixture(autouse=True)
    def watched(self, platform: Monitored) -> None:
        platform.watch("latency-fraud-br", ENDPOINT, 75.0)

    def test_fires_when_the_budget_burns(self, platform: Monitored) -> None:
        platform.predictions(NOW - timedelta(minutes=12), 6, 5, declined=0.01)
        platform.predictions(NOW - timedelta(minutes=6), 6, 5, declined=0.01, latency_ms=120.0)
        alert = one(LatencyMonitor(), platform)
        assert alert.kind == "latency"
        assert alert.value is not None
        assert alert.value > 100

    def test_is_silent_when_it_is_over_already(self, platform: Monitored) -> None:
        platform.predictions(NOW - timedelta(minutes=12), 7, 5, declined=0.01, latency_ms=120.0)
        platform.predictions(NOW - timedelta(minutes=5), 5, 5, declined=0.01)
        assert silent(LatencyMonitor(), platform)

    def test_is_silent_on_a_hiccup(self, platform: Monitored) -> None:
        platform.predictions(NOW - timedelta(minutes=12), 12, 5, declined=0.01)
        platform.predictions(NOW - timedelta(minutes=2), 1, 3, declined=0.01, latency_ms=400.0)
        assert silent(LatencyMonitor(), platform)


class TestJobs:
    @pytest.fixture(autouse=True)
    def watched(self, platform: Monitored) -> None:
        platform.watch("jobs-device_risk-mx", JOB, 2, tenant="mx")

    def runs(self, platform: Monitored, *statuses: Any, tenant: str = "mx") -> None:
        for minute, status in enumerate(statuses):
            at = NOW - timedelta(minutes=len(statuses) - minute)
            error = "contract broken: column 'device_id'" if status == "failed" else None
            run = JobRun(
                id=f"run-{tenant}-{minute}",
                job=JOB,
                subject="urn:vigia:feature_view:device_risk",
                tenant=tenant,
                started_at=at,
                status=status,
                error=error,
            )
            platform.records.runs.append(run)

    def test_fires_on_two_failures_in_a_row_and_quotes_the_error(self, platform: Monitored) -> None:
        self.runs(platform, "succeeded", "failed", "failed", "running")
        alert = one(JobFailureMonitor(), platform)
        assert (alert.kind, alert.subject, alert.tenant, alert.value) == ("job_failure", JOB, "mx", 2)
        assert "contract broken" in alert.summary

    def test_is_silent_on_one_failure_a_recovery_or_another_tenant(self, platform: Monitored) -> None:
        self.runs(platform, "failed", "failed", "succeeded", "failed")
        self.runs(platform, "failed", "failed", tenant="br")
        assert silent(JobFailureMonitor(), platform)


class TestCost:
    @pytest.fixture(autouse=True)
    def watched(self, platform: Monitored) -> None:
        platform.watch("cost-fraud-br", ENDPOINT, 300.0)

    def days(self, platform: Monitored, utilisation: float, replicas: int, count: int = 20, busy: int = 0) -> None:
        for age in range(1, count + 1):
            day = UsageRecord(
                day=(NOW - timedelta(days=age)).date(),
                resource_id=ENDPOINT,
                tenant="br",
                requests=40,
                replicas=replicas,
                cpu_utilization=0.4 if age == busy else utilisation,
                p99_latency_ms=9.0,
                billed_cost=replicas * 4.8,
            )
            platform.records.days.append(day)

    def test_fires_on_twelve_idle_replicas(self, platform: Monitored) -> None:
        self.days(platform, 0.006, 12)
        alert = one(CostMonitor(), platform)
        assert (alert.kind, alert.value) == ("cost", pytest.approx(1728.0))

    @pytest.mark.parametrize(
        ("utilisation", "replicas", "count", "busy"),
        [(0.4, 12, 20, 0), (0.006, 2, 20, 0), (0.006, 12, 7, 0), (0.006, 12, 20, 5)],
        ids=["used", "cheap", "new", "used once"],
    )
    def test_is_silent(self, utilisation: float, replicas: int, count: int, busy: int, platform: Monitored) -> None:
        self.days(platform, utilisation, replicas, count, busy)
        assert silent(CostMonitor(), platform)
