"""The screen's figures are Evidently's, it finds what was planted, and it is silent on healthy nights."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from foundation.errors import InvalidInput, NotFound
from platform_core.features.offline.delta import DeltaOfflineStore
from platform_core.monitoring.distances import distances
from platform_core.monitoring.judgement import benjamini_hochberg, drifted, evidence
from platform_core.monitoring.screen import Screen, ScreenSettings, screen
from platform_core.monitoring.screen_monitor import ScreenMonitor
from platform_core.monitoring.screen_report import write_screen_reports
from platform_core.monitoring.shares import column_of, counted, histograms, jensen_shannon_of, psi_of, sturges
from tests.fakes.monitored import Monitored
from tests.fakes.velocity import CATALOG, NOW

RNG = np.random.default_rng(4)
SAMPLES: dict[str, tuple[Any, Any]] = {
    "normal": (RNG.normal(size=4000), RNG.normal(0.4, 1.0, 3000)),
    "heavy tails": (RNG.lognormal(3, 2, 5000), RNG.lognormal(3.1, 2, 5000)),
    "integers": (RNG.integers(0, 60, 3000), RNG.integers(5, 65, 3000)),
    "few integers in a wide range": (np.arange(25), np.arange(25) + 3),
    "few different numbers": (RNG.poisson(2.0, 2000).astype(float), RNG.poisson(2.4, 2000).astype(float)),
    "a value that is new": (np.repeat(["a", "b"], 500), np.repeat(["a", "c"], 400)),
    "rare values": (np.array(["a"] * 30_000 + ["b"]), np.array(["a"] * 30_000)),
    "nulls and infinities": (
        np.array([*RNG.normal(size=500), np.nan, np.inf]),
        np.array([*RNG.normal(size=500), np.nan]),
    ),
    "apart": (RNG.normal(size=500), RNG.normal(100.0, 1.0, 500)),
}


evidently = pytest.mark.filterwarnings("ignore")
"""Its import warns of escapes and deprecations of its own."""


@evidently
@pytest.mark.parametrize("name", SAMPLES)
def test_psi_and_jensen_shannon_are_evidentlys(name: str) -> None:
    import pandas as pd
    from evidently.legacy.calculations.stattests.jensenshannon import _jensenshannon
    from evidently.legacy.calculations.stattests.psi import _psi
    from evidently.legacy.core import ColumnType

    reference, current = SAMPLES[name]
    kind = ColumnType.Categorical if reference.dtype.kind == "U" else ColumnType.Numerical
    frames = [pd.Series(values).replace([-np.inf, np.inf], np.nan).dropna() for values in (reference, current)]
    columns = [column_of(pa.array(values, from_pandas=values.dtype.kind == "f")) for values in (reference, current)]
    counts = histograms(*columns)
    assert psi_of(*counts) == pytest.approx(_psi(*frames, kind, 0.1)[0], rel=1e-12, abs=1e-12)
    assert jensen_shannon_of(*counts) == pytest.approx(_jensenshannon(*frames, kind, 0.1)[0], rel=1e-12, abs=1e-9)


@evidently
@pytest.mark.parametrize("name", [n for n in SAMPLES if n != "a value that is new"])
def test_the_other_distances_are_evidentlys(name: str) -> None:
    import pandas as pd
    from evidently.legacy.calculations.stattests.chisquare_stattest import _chi_stat_test
    from evidently.legacy.calculations.stattests.ks_stattest import _ks_stat_test
    from evidently.legacy.calculations.stattests.wasserstein_distance_norm import _wasserstein_distance_norm
    from evidently.legacy.core import ColumnType

    reference, current = SAMPLES[name]
    frames = [pd.Series(values).replace([-np.inf, np.inf], np.nan).dropna() for values in (reference, current)]
    columns = [column_of(pa.array(values, from_pandas=values.dtype.kind == "f")) for values in (reference, current)]
    found = distances(*columns)
    if reference.dtype.kind == "U":
        theirs = {"chi_square_p_value": _chi_stat_test(*frames, ColumnType.Categorical, 0.05)[0]}
    else:
        theirs = {
            "wasserstein": _wasserstein_distance_norm(*frames, ColumnType.Numerical, 0.1)[0],
            "ks_p_value": _ks_stat_test(*frames, ColumnType.Numerical, 0.05)[0],
        }
    assert found == pytest.approx(theirs, rel=1e-6, abs=1e-12)


def test_a_value_that_is_new_cannot_come_from_the_reference() -> None:
    reference, current = (column_of(pa.array(values)) for values in SAMPLES["a value that is new"])
    assert distances(reference, current) == {"chi_square_p_value": 0.0}


floats = st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=200).filter(lambda v: max(v) - min(v) > 1e-3)


@settings(max_examples=150, deadline=None)
@given(reference=floats, current=floats, onto_edges=st.booleans())
def test_bins_are_numpys(reference: list[float], current: list[float], onto_edges: bool) -> None:
    r, c = np.array(reference), np.array(current)
    edges = np.histogram_bin_edges(np.concatenate([r, c]), bins="sturges")
    assert np.array_equal(edges, sturges(r, c))
    values = np.concatenate([r, edges, np.nextafter(edges[:-1], np.inf)]) if onto_edges else r
    values = values[(values >= edges[0]) & (values <= edges[-1])]
    assert counted(values, edges).tolist() == np.histogram(values, edges)[0].tolist()


def healthy(rng: np.random.Generator, rows: int, shift: float = 0.0, lost: float = 0.0) -> pa.Array:
    return pa.array(rng.normal(shift, 1.0, rows), mask=rng.random(rows) < lost)


@pytest.mark.parametrize("rows", [300, 2000])
def test_healthy_nights_are_silent(rows: int) -> None:
    rng = np.random.default_rng(rows)
    columns = [healthy, lambda g, n: pa.array(g.poisson(2.0, n)), lambda g, n: pa.array(g.choice(["x", "y", "z"], n))]
    alarms = 0
    for _ in range(40):
        made = [columns[n % 3] for n in range(30)]
        alarms += sum(drifted([evidence(column_of(make(rng, rows)), column_of(make(rng, rows))) for make in made]))
    assert alarms == 0


@pytest.mark.parametrize("seed", range(15))
def test_planted_shifts_are_found_among_healthy_columns(seed: int) -> None:
    rng = np.random.default_rng(seed)
    others = [evidence(column_of(healthy(rng, 20_000)), column_of(healthy(rng, 20_000))) for _ in range(3)]

    def mass(shares: list[float]) -> pa.Array:
        return pa.array(rng.choice(["a", "b", "c"], 20_000, p=shares))

    pairs = [
        (healthy(rng, 20_000), healthy(rng, 20_000, 0.3)),
        (mass([0.5, 0.3, 0.2]), mass([0.45, 0.35, 0.2])),
        (healthy(rng, 20_000), healthy(rng, 20_000, lost=0.05)),
    ]  # fmt: skip
    planted = [evidence(column_of(r), column_of(c)) for r, c in pairs]
    assert drifted([*planted, *others]) == [True] * 3 + [False] * 3


def test_a_shift_too_small_to_matter_is_not_drift_however_many_rows() -> None:
    rng = np.random.default_rng(1)
    found = evidence(column_of(healthy(rng, 400_000)), column_of(healthy(rng, 400_000, 0.05)))
    assert drifted([found]) == [False]


def test_few_rows_are_not_judged() -> None:
    rng = np.random.default_rng(1)
    found = evidence(column_of(healthy(rng, 150)), column_of(healthy(rng, 150, 3.0)))
    assert not found.enough
    assert drifted([found]) == [False]


@pytest.mark.parametrize(
    ("p_values", "largest"), [([0.01, 0.02, 0.03, 0.5], 0.03), ([0.04, 0.05, 0.9], -1.0), ([0.03, 0.04, 0.049], 0.049)]
)
def test_benjamini_and_hochberg(p_values: list[float], largest: float) -> None:
    assert benjamini_hochberg(np.array(p_values), 0.05) == largest


def features(offline: DeltaOfflineStore, days: range, shift: float = 0.0, tenant: str = "br") -> None:
    rng = np.random.default_rng(days.start)
    for day in days:
        rows = 400
        at = [NOW - timedelta(days=day + 1) + timedelta(minutes=3) * n for n in range(rows)]
        offline.append(
            "features_card_velocity",
            pa.table(
                {
                    "tenant": [tenant] * rows,
                    "key": [f"c{n}" for n in range(rows)],
                    "event_ts": pa.array(at, pa.timestamp("us", "UTC")),
                    "created_ts": pa.array(at, pa.timestamp("us", "UTC")),
                    "tx_count_1h": rng.poisson(2.0, rows).astype(float),
                    "amount_sum_1h": rng.lognormal(3.0 + shift, 1.0, rows),
                    "amount_mean_24h": rng.lognormal(3.0, 1.0, rows),
                }
            ),
        )


def run(offline: DeltaOfflineStore, **how: Any) -> Screen:
    return screen(offline, CATALOG, NOW, ScreenSettings(**how), only=[("card_velocity", "br"), ("device_risk", "br")])


def test_the_screen_names_what_drifted_and_what_it_could_not_read(tmp_path: Path) -> None:
    offline = DeltaOfflineStore(tmp_path)
    features(offline, range(1, 6))
    features(offline, range(1), shift=0.8)
    features(offline, range(6), shift=5.0, tenant="mx")
    found = run(offline)
    assert [(f.feature, f.verdict) for f in found.features] == [
        ("tx_count_1h", "steady"), ("amount_sum_1h", "drifted"), ("amount_mean_24h", "steady"),
    ]  # fmt: skip
    moved = found.drifted[0]
    assert (moved.reference_rows, moved.current_rows) == (2000, 400)
    assert moved.effect > 0.2
    assert moved.current_mean is not None
    assert moved.reference_mean is not None
    assert moved.current_mean > 1.5 * moved.reference_mean
    assert "features_device_risk" in found.unread["device_risk br"]
    assert found.unread.keys() == {"device_risk br"}


def test_a_baseline_by_weekday_knows_the_rhythm_of_the_week(tmp_path: Path) -> None:
    offline = DeltaOfflineStore(tmp_path)
    for day in range(28):
        features(offline, range(day, day + 1), shift=2.0 if day % 7 == 0 else 0.0)
    assert {f.feature for f in run(offline).drifted} == {"amount_sum_1h"}
    assert run(offline, baseline="weekday_hour").drifted == ()


def test_segments_are_judged_apart(tmp_path: Path) -> None:
    offline = DeltaOfflineStore(tmp_path)
    features(offline, range(4))
    assert {f.segment for f in run(offline, segment="tx_count_1h").features} > {"tx_count_1h=2.0"}
    assert "has no column 'country'" in run(offline, segment="country").unread["card_velocity br"]


def test_impossible_settings_are_refused(tmp_path: Path) -> None:
    offline = DeltaOfflineStore(tmp_path)
    features(offline, range(2))
    late = run(offline, baseline="weekday_hour", current=timedelta(days=8))
    assert "a week at most" in late.unread["card_velocity br"]
    with pytest.raises(NotFound):
        screen(offline, CATALOG, NOW, only=[("nothing", "br")])
    with pytest.raises(TypeError, match="no distribution"):
        column_of(pa.array([NOW]))
    assert InvalidInput.http_status == 422


def test_the_monitor_pages_once_a_day_with_figures_sizes_and_window(tmp_path: Path) -> None:
    platform = Monitored()
    offline = DeltaOfflineStore(tmp_path)
    features(offline, range(1, 6))
    features(offline, range(1), shift=0.8)
    for name in offline.tables():
        platform.offline.append(name, offline.read(name))
    platform.clock.advance(NOW - platform.clock.now())
    monitor = ScreenMonitor()
    platform.watch("screen-card_velocity-br", "urn:vigia:feature_view:card_velocity", 0.25)
    (alert,) = monitor.check(platform.view)
    assert (alert.kind, alert.tenant) == ("drift", "br")
    for said in ("last 24 h", "amount_sum_1h", "% of rows elsewhere", "PSI", "(400 rows against 2000)"):
        assert said in alert.summary
    assert monitor.check(platform.view)[0].summary == alert.summary


@evidently
def test_what_is_flagged_gets_evidentlys_report(tmp_path: Path) -> None:
    platform = Monitored()
    offline = DeltaOfflineStore(tmp_path / "offline")
    features(offline, range(1, 4))
    features(offline, range(1), shift=0.8)
    platform.offline.append("features_card_velocity", offline.read("features_card_velocity"))
    found = screen(offline, CATALOG, NOW, only=[("card_velocity", "br")])
    drawn = write_screen_reports(platform.view, found, ScreenSettings(), tmp_path / "reports")
    (path,) = drawn["card_velocity", "br"]
    assert path.name == "2026-11-19T0551-card_velocity-br.html"
    text = path.read_text(encoding="utf-8")
    assert "amount_sum_1h" in text
    assert "amount_mean_24h" not in text


@evidently
def test_the_monitor_draws_what_drifted_by_segment_and_links_it(tmp_path: Path) -> None:
    platform = Monitored()
    offline = DeltaOfflineStore(tmp_path / "offline")
    features(offline, range(1, 6))
    features(offline, range(1), shift=0.8)
    rows = offline.read("features_card_velocity")
    half = pa.array([f"s/{n % 2}" for n in range(len(rows))])
    platform.offline.append("features_card_velocity", rows.append_column("segment", half))
    platform.clock.advance(NOW - platform.clock.now())
    asked = platform.view.catalog.feature_view("card_velocity").monitors
    asked = asked.model_copy(update={"screen": True, "screen_segment": "segment"})
    views = [
        v.model_copy(update={"monitors": asked}) if v.name == "card_velocity" else v
        for v in platform.view.catalog.feature_views
    ]
    view = replace(platform.view, catalog=platform.view.catalog.model_copy(update={"feature_views": tuple(views)}))
    monitor = ScreenMonitor(tmp_path / "reports")
    platform.watch("screen-card_velocity-br", "urn:vigia:feature_view:card_velocity", 0.25)
    (alert,) = monitor.check(view)
    assert "report" not in alert.labels, "nobody waits for it"
    monitor._reports.wait()  # type: ignore[union-attr]
    (alert,) = monitor.check(view)
    paths = [Path(path) for path in alert.labels["report"].split(", ")]
    assert sorted(path.name for path in paths) == [
        f"2026-11-19T0551-card_velocity-br-segment=s_{n}.html" for n in range(2)
    ]
    assert all("amount_sum_1h" in path.read_text(encoding="utf-8") for path in paths)
