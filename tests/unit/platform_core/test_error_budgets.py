"""Error budgets: which requests count against them, over which windows, and what shows how fast they burn."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from typer.testing import CliRunner

from foundation.errors import NotFound
from interfaces.bootstrap.foundations import open_foundations
from interfaces.cli.main import app
from interfaces.settings import load_settings
from platform_core.features.offline.delta import DeltaOfflineStore
from platform_core.monitoring.budget import MINIMUM_BAD, Budget, budget
from platform_core.monitoring.burn import BurnMonitor
from platform_core.monitoring.exposition import PlatformGauges
from platform_core.monitoring.runner import MonitorRunner
from platform_core.operations.resources import MonitorSpec
from platform_core.operations.sql_resources import SqlResources
from platform_core.serving.prediction_log import WHOLE, DeltaPredictionLog
from platform_core.serving.prediction_log_rows import ERRORS
from tests.fakes.monitored import NOW, TIMESTAMP, Monitored
from tests.fakes.offline_store import FakeOfflineStore

MINUTE = timedelta(minutes=1)
OBJECTIVE = 0.99
URN = "urn:vigia:endpoint:fraud-br"


@dataclass(frozen=True)
class Burst:
    """`count` requests of the endpoint, evenly over [from, to) minutes ago."""

    first: float
    last: float
    count: int
    kind: str = "whole"

    def times(self, now: Any = NOW) -> pa.Array:
        span = self.first - self.last
        ago = [self.first - span * n / self.count for n in range(self.count)]
        return pa.array([now - MINUTE * minutes for minutes in ago], TIMESTAMP)


def write(offline: Any, bursts: Sequence[Burst], *, share: float = 1.0, now: Any = NOW) -> None:
    """`kind`: whole, degraded, or the code of an error. Of the answers a share is logged, of the errors all."""
    for burst in bursts:
        error = burst.kind not in ("whole", "degraded")
        made: dict[str, Any] = {"ts": burst.times(now), "endpoint": ["fraud-br"] * burst.count}
        if error:
            made["code"] = [burst.kind] * burst.count
        else:
            made["degraded"] = pa.array(np.full(burst.count, burst.kind == "degraded", dtype=np.int64))
            made["logged_share"] = [share] * burst.count
        schema = ERRORS if error else WHOLE
        columns = [made.get(f.name, pa.nulls(burst.count, f.type)) for f in schema]
        offline.append("prediction_errors" if error else "predictions", pa.table(columns, schema=schema))


def spent(*bursts: Burst, share: float = 1.0) -> Budget:
    offline = FakeOfflineStore()
    write(offline, bursts, share=share)
    return budget(DeltaPredictionLog(offline), "fraud-br", "br", OBJECTIVE, NOW)


STEADY = Burst(360, 0, 3600)

CASES: dict[str, tuple[tuple[Burst, ...], dict[str, float], str | None]] = {
    "healthy": ((STEADY,), {"1h": 0, "6h": 0}, None),
    "failed": ((STEADY, Burst(60, 0, 200, "unavailable")), {"5m": 25, "1h": 25, "6h": 200 / 38}, "1h"),
    "a model that fails": ((STEADY, Burst(60, 0, 200, "model_failed")), {"5m": 25, "1h": 25}, "1h"),
    "without features": ((STEADY, Burst(60, 0, 200, "degraded")), {"5m": 25, "1h": 25}, "1h"),
    "both": ((STEADY, Burst(60, 0, 60, "unavailable"), Burst(60, 0, 70, "degraded")), {"1h": 13000 / 730}, "1h"),
    "asked wrongly": ((STEADY, Burst(60, 0, 200, "invalid_input")), {"5m": 0, "1h": 0, "6h": 0}, None),
    "over": ((STEADY, Burst(60, 10, 200, "unavailable")), {"5m": 0, "1h": 25}, None),
    "slowly": ((STEADY, Burst(360, 0, 260, "unavailable")), {"30m": 26000 / 3860, "6h": 26000 / 3860}, "6h"),
    "too few": ((Burst(60, 0, 40), Burst(60, 0, 9, "unavailable")), {"1h": 900 / 49}, None),
    "too few bad": ((Burst(60, 0, 60), Burst(4, 0, MINIMUM_BAD - 1, "unavailable")), {"1h": 6.25}, None),
    "nothing was asked": ((), {"5m": 0, "30m": 0, "1h": 0, "6h": 0}, None),
}


@pytest.mark.parametrize("case", CASES)
def test_the_windows_burn_as_what_was_asked_went(case: str) -> None:
    bursts, rates, burning = CASES[case]
    found = spent(*bursts)
    assert {name: found.spent[name].burn_rate for name in rates} == pytest.approx(rates, rel=0.05)
    assert (None if found.burning is None else found.burning[0].window) == burning


def test_a_logged_answer_stands_for_those_that_were_not() -> None:
    found = spent(Burst(60, 0, 60), Burst(60, 0, 6, "unavailable"), share=0.1).spent["1h"]
    assert (found.requests, found.failed) == (606, 6)
    assert found.burn_rate == pytest.approx(100 * 6 / 606)


def test_what_one_logged_answer_stands_for_does_not_page() -> None:
    one = spent(Burst(60, 0, 5), Burst(4, 0, 1, "degraded"), share=0.01)
    hour = one.spent["1h"]
    assert (hour.requests, hour.bad, hour.seen, hour.seen_bad) == (600, 100, 6, 1)
    assert (min(hour.burn_rate, one.spent["5m"].burn_rate) > 14.4, one.burning) == (True, None)
    many = spent(Burst(60, 0, 30), Burst(4, 0, 30, "degraded"), share=0.01)
    assert many.burning is not None


def test_the_gauges_are_burn_rates_by_window_and_go_with_the_sight() -> None:
    platform = Monitored()
    write(platform.offline, [STEADY, Burst(60, 0, 200, "unavailable")])
    platform.watch("burn-fraud-br", URN, OBJECTIVE)
    runner, gauges = MonitorRunner(platform.view, [BurnMonitor()], holds=1), PlatformGauges()

    def shown() -> dict[str, float]:
        runner.step()
        gauges.update(platform.view.catalog, runner, platform.resources)
        lines = re.findall(r"^(vigia_slo_\S+) (\S+)$", gauges.render().decode(), re.MULTILINE)
        return {name: float(value) for name, value in lines}

    found = shown()
    of = 'endpoint="fraud-br",tenant="br"'
    assert found.pop(f"vigia_slo_objective{{{of}}}") == OBJECTIVE
    assert found[f'vigia_slo_burn_rate{{{of},window="1h"}}'] == pytest.approx(25, rel=0.01)
    assert found[f'vigia_slo_burn_rate{{{of},window="6h"}}'] == pytest.approx(100 * 200 / 3800, rel=0.01)
    assert found[f'vigia_slo_requests{{{of},window="1h"}}'] == pytest.approx(800, rel=0.01)
    assert found[f'vigia_slo_bad_requests{{{of},window="1h"}}'] == 200
    assert len(found) == 3 * 4
    (alert,) = runner.alerts
    assert (alert.kind, alert.threshold) == ("errors", OBJECTIVE)
    assert alert.value == runner.readings["burn-fraud-br"] == pytest.approx(0.75, rel=0.01)
    assert re.match(
        r"fraud-br burns its error budget 25\.\d times too fast in 1 h \(200 failed and 0 came without features of "
        r"\d{3} requests\), 2\d\.\d times in 5 min \(\d+ failed .*, limit 14\.4; objective 99\.000%$",
        alert.summary,
    )
    platform.offline._tables["predictions"] = pa.table({"ts": ["not a time"]})
    assert shown() == {}
    assert runner.blind


@pytest.fixture
def served(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VIGIA__DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("COLUMNS", "160")
    base = open_foundations(load_settings())
    bursts = [Burst(55, 0, 200), Burst(55, 0, 50, "unavailable"), Burst(55, 0, 4, "degraded")]
    write(DeltaOfflineStore(base.settings.data_dir / "offline"), bursts, now=base.clock.now())
    resources = SqlResources(base.engine, base.clock, base.audit)
    spec = MonitorSpec(subject=URN, threshold=OBJECTIVE)
    resources.create(
        "urn:vigia:monitor:burn-fraud-br", spec, tenant="br", environment=base.settings.environment, actor="a"
    )


@pytest.mark.usefixtures("served")
def test_the_command_shows_every_window_under_its_name() -> None:
    found = CliRunner().invoke(app, ["features", "budgets"], catch_exceptions=False)
    assert found.exit_code == 1
    lines = [re.split(r"\s{2,}", line.strip()) for line in found.stdout.splitlines() if line.strip()]
    assert lines[1] == [
        "endpoint", "tenant", "objective", "window", "requests", "failed", "without features", "burn rate", "limit",
    ]  # fmt: skip
    assert ["fraud-br", "br", "99.000%", "1h", "254", "50", "4", "21.3", "14.4", "burning"] in lines
    assert [line[3] for line in lines[3:]] == ["5m", "30m", "1h", "6h"]
    (read,) = json.loads(CliRunner().invoke(app, ["features", "budgets", "fraud-br", "--json"]).stdout)
    assert (read["burning"], read["spent"]["6h"]["failed"], read["objective"]) == (True, 50, OBJECTIVE)
    with pytest.raises(NotFound, match=r"no error budget of fraud-mx is watched \(there are fraud-br\)"):
        CliRunner().invoke(app, ["features", "budgets", "fraud-mx"], catch_exceptions=False)
