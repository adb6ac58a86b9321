"""Since when an alert fires, when it resolves, and what silences it."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pyarrow as pa
import pytest

from platform_core.catalog.specs import Catalog
from platform_core.monitoring.alert import Alert
from platform_core.monitoring.drift import DriftMonitor
from platform_core.monitoring.exposition import PlatformGauges
from platform_core.monitoring.freshness import FreshnessMonitor
from platform_core.monitoring.monitor import fingerprint
from platform_core.monitoring.registry import monitors
from platform_core.monitoring.runner import MonitorRunner
from tests.fakes.monitored import NOW, TIMESTAMP, FakeOnlineTimes, Monitored

VIEW = "urn:vigia:feature_view:card_velocity"
MINUTE = timedelta(minutes=1)


@pytest.fixture
def platform() -> Monitored:
    platform = Monitored()
    platform.watch("freshness-card_velocity-br", VIEW, 600)
    return platform


@pytest.fixture
def runner(platform: Monitored) -> MonitorRunner:
    return MonitorRunner(platform.view, [FreshnessMonitor()], holds=2, clears=3)


def step(runner: MonitorRunner, platform: Monitored, *, lag_minutes: float) -> list[Alert]:
    platform.clock.advance(MINUTE)
    platform.online.newest["br", "card_velocity"] = platform.clock.now() - timedelta(minutes=lag_minutes)
    return runner.step()


def test_an_alert_must_hold_and_begins_when_it_was_first_seen(runner: MonitorRunner, platform: Monitored) -> None:
    assert step(runner, platform, lag_minutes=11) == []
    first_seen = platform.clock.now()
    (alert,) = step(runner, platform, lag_minutes=12)
    assert (alert.status, alert.starts_at, alert.value) == ("firing", first_seen, 720)
    assert alert.fingerprint == fingerprint("freshness-card_velocity-br", VIEW)
    assert step(runner, platform, lag_minutes=13) == []
    (firing,) = runner.alerts
    assert (firing.starts_at, firing.value) == (first_seen, 780)


def test_a_single_observation_is_forgotten(runner: MonitorRunner, platform: Monitored) -> None:
    assert step(runner, platform, lag_minutes=11) == []
    assert step(runner, platform, lag_minutes=1) == []
    assert step(runner, platform, lag_minutes=11) == []
    assert runner.alerts == []


def test_it_resolves_after_some_time_without_it_and_fires_anew(runner: MonitorRunner, platform: Monitored) -> None:
    for _ in range(2):
        step(runner, platform, lag_minutes=11)
    (firing,) = runner.alerts
    assert step(runner, platform, lag_minutes=1) == []
    assert step(runner, platform, lag_minutes=11) == [], "a gap of one evaluation does not resolve"
    changes = [step(runner, platform, lag_minutes=1) for _ in range(3)]
    assert changes[:2] == [[], []]
    (resolved,) = changes[2]
    assert (resolved.status, resolved.fingerprint, resolved.starts_at) == (
        "resolved",
        firing.fingerprint,
        firing.starts_at,
    )
    step(runner, platform, lag_minutes=11)
    (again,) = step(runner, platform, lag_minutes=11)
    assert again.starts_at > firing.starts_at


def test_a_monitor_that_cannot_run_changes_nothing(runner: MonitorRunner, platform: Monitored) -> None:
    for _ in range(2):
        step(runner, platform, lag_minutes=11)
    platform.online.down = True
    for _ in range(5):
        assert runner.step() == []
    assert len(runner.alerts) == 1
    assert runner.blind == {"freshness-card_velocity-br": "the online store is down"}
    platform.online.down = False
    step(runner, platform, lag_minutes=1)
    assert runner.blind == {}


@pytest.mark.parametrize("kind", ["volume", "drift", "nulls"])
def test_one_watch_that_cannot_be_evaluated_does_not_blind_the_others(kind: str, platform: Monitored) -> None:
    """A monitor of a source that left the catalog, beside one that sees a real fault."""
    platform.watch(f"{kind}-payments_gone-amount".removesuffix("-amount" if kind == "volume" else ""), VIEW, 0.1)
    platform.payments(NOW - timedelta(days=2), 2 * 1440 - 180, 3)
    if kind != "volume":
        platform.payments(NOW - timedelta(minutes=15), 15, 6, median=4000.0, nulls=0.5 if kind == "nulls" else 0.0)
    column = "" if kind == "volume" else "-amount"
    platform.watch(f"{kind}-payments_br{column}", "urn:vigia:source:payments_br", 0.25)
    runner = MonitorRunner(platform.view, monitors(), holds=1)
    (alert,) = runner.step()
    assert alert.kind == kind
    assert list(runner.blind) == [f"{kind}-payments_gone{column}"]
    assert "did you mean" in runner.blind[f"{kind}-payments_gone{column}"]


def test_drift_of_a_column_without_numbers_is_said_and_harms_nothing(platform: Monitored) -> None:
    platform.offline.append(
        "payments_br", pa.table({"event_ts": pa.array([NOW], TIMESTAMP), "card_id": ["c1"], "amount": [1.0]})
    )
    platform.watch("drift-payments_br-card_id", "urn:vigia:source:payments_br", 0.25)
    runner = MonitorRunner(platform.view, [DriftMonitor()])
    assert runner.step() == []
    assert "not numbers" in runner.blind["drift-payments_br-card_id"]


def test_a_silenced_monitor_says_nothing_until_the_silence_ends(runner: MonitorRunner, platform: Monitored) -> None:
    platform.watch("freshness-card_velocity-br", VIEW, 600, silenced_until=NOW + 3 * MINUTE)
    for _ in range(2):
        assert step(runner, platform, lag_minutes=11) == []
    assert step(runner, platform, lag_minutes=11) == []
    assert len(step(runner, platform, lag_minutes=11)) == 1


def test_gauges_show_the_readings(runner: MonitorRunner, platform: Monitored) -> None:
    step(runner, platform, lag_minutes=5)
    gauges = PlatformGauges()
    gauges.update(platform.view.catalog, runner, platform.resources)
    text = gauges.render().decode()
    assert 'vigia_feature_freshness_lag_seconds{tenant="br",view="card_velocity"} 300.0' in text
    assert 'vigia_feature_freshness_sla_seconds{view="card_velocity"} 600.0' in text


def test_a_gauge_shows_which_monitor_is_blind_and_only_while_it_is(runner: MonitorRunner, platform: Monitored) -> None:
    gauges = PlatformGauges()
    for platform.online.down in (True, False):
        runner.step()
        gauges.update(platform.view.catalog, runner, platform.resources)
        shown = 'vigia_monitor_blind{monitor="freshness-card_velocity-br"} 1.0' in gauges.render().decode()
        assert shown == platform.online.down


def test_the_gauges_of_a_blind_monitor_are_gone(runner: MonitorRunner, platform: Monitored) -> None:
    gauges = PlatformGauges()
    lag = "vigia_feature_freshness_lag_seconds{"
    step(runner, platform, lag_minutes=600)
    gauges.update(platform.view.catalog, runner, platform.resources)
    assert lag in gauges.render().decode()
    platform.online.down = True
    runner.step()
    gauges.update(platform.view.catalog, runner, platform.resources)
    text = gauges.render().decode()
    assert lag not in text
    assert "vigia_monitor_reading{" not in text
    assert "vigia_monitor_blind{" in text


def renamed(platform: Monitored) -> None:
    """card_velocity as card-velocity, payments_br as payments-br, in the catalog."""
    text = platform.view.catalog.model_dump_json()
    text = text.replace('"card_velocity', '"card-velocity').replace('"payments_br', '"payments-br')
    platform.view = replace(platform.view, catalog=Catalog.model_validate_json(text))


def test_names_with_a_hyphen_are_watched(platform: Monitored) -> None:
    renamed(platform)
    platform.resources.resources.clear()
    platform.watch("freshness-card-velocity-br", VIEW, 600)
    platform.watch("nulls-payments-br-amount", "urn:vigia:source:payments-br", 0.01)
    platform.online.newest["br", "card-velocity"] = NOW - timedelta(hours=10)
    platform.payments(NOW - timedelta(minutes=15), 15, 6, nulls=0.5)
    platform.offline.append("payments-br", platform.offline.read("payments_br"))
    runner = MonitorRunner(platform.view, monitors(), holds=1)
    assert sorted(alert.kind for alert in runner.step()) == ["freshness", "nulls"]
    assert runner.blind == {}
    gauges = PlatformGauges()
    gauges.update(platform.view.catalog, runner, platform.resources)
    text = gauges.render().decode()
    assert 'vigia_feature_freshness_lag_seconds{tenant="br",view="card-velocity"} 36000.0' in text
    assert 'vigia_source_null_rate{column="amount",source="payments-br",tenant="br"}' in text
    assert 'vigia_monitor_threshold{monitor="freshness-card-velocity-br"} 600.0' in text
    assert 'vigia_monitor_firing{kind="nulls",monitor="nulls-payments-br-amount",severity="warning"' in text


@pytest.mark.parametrize(
    "name",
    [
        "freshness-card_velocty-br", "freshness-card_velocity-xx", "freshness-card_velocity", "screen-card_velocty-br",
        "parity-card_velocity-xx", "jobs-card_velocty-br", "volume-payments_xx", "range-payments_br-amuont",
        "cardinality-payments_br-x",
    ],
)  # fmt: skip
def test_a_monitor_of_what_is_not_in_the_catalog_is_blind(name: str, platform: Monitored) -> None:
    platform.watch(name, VIEW, 0.1)
    runner = MonitorRunner(platform.view, monitors(), holds=1)
    assert runner.step() == []
    assert list(runner.blind) == [name]
    assert "in the catalog (did you mean" in runner.blind[name]


class BrokenTimes(FakeOnlineTimes):
    def newest_event(self, tenant: str, view: str) -> datetime | None:
        if tenant == "br":
            raise pa.ArrowInvalid("no such page")
        return super().newest_event(tenant, view)


def test_an_engine_s_own_error_blinds_one_watch_and_ends_nothing(platform: Monitored) -> None:
    online = BrokenTimes()
    online.newest["mx", "card_velocity"] = NOW - timedelta(hours=1)
    platform.watch("freshness-card_velocity-mx", VIEW, 600, tenant="mx")
    runner = MonitorRunner(replace(platform.view, online=online), monitors(), holds=1)
    (alert,) = runner.step()
    assert alert.tenant == "mx"
    assert runner.blind == {"freshness-card_velocity-br": "ArrowInvalid: no such page"}
