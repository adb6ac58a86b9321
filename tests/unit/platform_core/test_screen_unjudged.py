"""A column that cannot be judged says why, has no figures, and keeps no other from being judged."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from foundation.errors import Unavailable
from interfaces.cli.features import screening
from interfaces.terminal.output import plain
from platform_core.catalog.specs import Dtype, Feature
from platform_core.monitoring import screen_report
from platform_core.monitoring.screen import Screen, ScreenSettings, screen
from platform_core.monitoring.screen_columns import FeatureDrift
from platform_core.monitoring.screen_monitor import ScreenMonitor
from platform_core.monitoring.screen_report import write_screen_reports
from tests.fakes.monitored import NOW, TIMESTAMP, Monitored
from tests.fakes.offline_store import FakeOfflineStore

ROWS, DAYS = 400, 5
TOTAL = ROWS * (DAYS + 1)
RNG = np.random.default_rng(3)
MOVED = np.concatenate([RNG.normal(2.0, 1.0, ROWS), RNG.normal(0.0, 1.0, TOTAL - ROWS)])
"""The newest day comes first."""

BAD: dict[str, tuple[Dtype, Any, str]] = {
    "text_for_numbers": ("float64", ["12.5"] * TOTAL, "it is string in the offline history, declared float64"),
    "numbers_for_text": ("string", np.ones(TOTAL), "it is double in the offline history, declared string"),
    "lists": ("string", [["a"]] * TOTAL, "it is large_list<item: large_string> in the offline history, declared"),
    "nothing": ("float64", pa.nulls(TOTAL, pa.float64()), "both samples hold nothing but nulls"),
    "untyped_nothing": ("float64", pa.nulls(TOTAL), "both samples hold nothing but nulls"),
    "identifiers": ("string", [f"id{n}" for n in range(TOTAL)], "2,000 different values in 2,000 rows: over 1,000"),
    "beyond_doubles": ("float64", [1.7e308, -1.7e308] * (TOTAL // 2), "its numbers lie further apart than a double"),
    "seen_at": ("timestamp", pa.array([NOW] * TOTAL, TIMESTAMP), "a timestamp has no distribution"),
    "not_there": ("float64", None, "the offline history has no such column"),
}
FIGURES = ("psi", "jensen_shannon", "effect", "p_value", "reference_mean", "current_mean")
VIEW = "card_velocity"


def company(
    columns: Mapping[str, tuple[Dtype, Any]], *, rows: int = TOTAL, offline: FakeOfflineStore | None = None
) -> Monitored:
    """One view whose features are `columns` as they are stored."""
    platform = Monitored()
    catalog = platform.view.catalog
    features = tuple(Feature(name=name, dtype=dtype) for name, (dtype, _) in columns.items())
    view = catalog.feature_view(VIEW).model_copy(update={"aggregations": (), "features": features})
    offline = offline or platform.offline
    at = [NOW - timedelta(days=n // ROWS + 1) + timedelta(minutes=3) * (n % ROWS) for n in range(rows)]
    stored = {name: values[:rows] for name, (_, values) in columns.items() if values is not None}
    offline._tables[f"features_{VIEW}"] = pa.table(  # type: ignore[attr-defined] - types that it would refuse
        {"tenant": ["br"] * rows, "event_ts": pa.array(at, TIMESTAMP), **stored}
    )
    platform.view = replace(
        platform.view, offline=offline, catalog=catalog.model_copy(update={"feature_views": (view,)})
    )
    return platform


def screened(platform: Monitored) -> Screen:
    return screen(platform.view.offline, platform.view.catalog, NOW, only=[(VIEW, "br")])


def said_of(found: Screen) -> dict[str, FeatureDrift]:
    return {f.feature: f for f in found.features}


def test_bad_columns_do_not_keep_the_good_one_from_being_found() -> None:
    found = screened(company({"moved": ("float64", MOVED)} | {name: (d, v) for name, (d, v, _) in BAD.items()}))
    assert found.unread == {}
    features = said_of(found)
    assert features.keys() == {"moved", *BAD}
    assert features["moved"].verdict == "drifted"
    for name, (_, _, reason) in BAD.items():
        feature = features[name]
        assert feature.verdict == "not judged"
        assert (feature.reason or "").startswith(reason), name
        assert [getattr(feature, figure) for figure in FIGURES] == [None] * len(FIGURES)
        assert feature.distances == {}


def test_too_few_rows_have_no_figures() -> None:
    (feature,) = screened(company({"moved": ("float64", MOVED)}, rows=ROWS + 150)).features
    assert (feature.verdict, feature.reason) == ("not judged", "400 rows against 150: 200 of each are needed")
    assert [getattr(feature, figure) for figure in FIGURES] == [None] * len(FIGURES)


def test_a_column_that_lost_all_its_values_has_drifted() -> None:
    lost = np.where(np.arange(TOTAL) < ROWS, np.nan, MOVED)
    (feature,) = screened(company({"lost": ("float64", pa.array(lost, from_pandas=True))})).features
    assert (feature.verdict, feature.psi, feature.current_mean) == ("drifted", None, None)
    assert feature.effect is not None
    assert feature.effect > 0.9


class Torn(FakeOfflineStore):
    """Cannot read one column, as where its pages are damaged."""

    torn = "bad"

    def read(self, table: str, *, columns: list[str] | None = None, **how: Any) -> pa.Table:
        if self.torn in (columns or ()):
            raise Unavailable(f"table {table!r}: column {self.torn!r} cannot be decoded")
        return super().read(table, columns=columns, **how)


def test_a_column_that_cannot_be_read_is_left_out_alone() -> None:
    platform = company({"moved": ("float64", MOVED), "bad": ("float64", MOVED)}, offline=Torn())
    features = said_of(screened(platform))
    assert features["moved"].verdict == "drifted"
    assert features["bad"].reason == "table 'features_card_velocity': column 'bad' cannot be decoded"
    assert features["bad"].current_rows is None
    platform.view.offline.torn = "event_ts"  # type: ignore[attr-defined]
    assert "event_ts" in screened(platform).unread["card_velocity br"]


def printed(found: Screen, reports: Sequence[Path], capsys: pytest.CaptureFixture[str]) -> str:
    screening._print(found, list(reports))  # pyright: ignore[reportPrivateUsage]
    return capsys.readouterr().out


def test_table_and_json_show_no_figure_of_what_is_not_judged(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    columns = {"steady": ("float64", MOVED[ROWS:]), "nothing": ("float64", pa.nulls(TOTAL, pa.float64()))}
    found = screened(company(columns, rows=TOTAL - ROWS))  # type: ignore[arg-type]
    table = printed(found, (), capsys)
    (row,) = (line for line in table.splitlines() if line.startswith(f" {VIEW}") and "nothing" in line)
    assert re.split(r"\s{2,}", row.strip()) == [VIEW, "br", "nothing", "not judged", "400/1,600"]
    assert f"not judged: {VIEW} br nothing: both samples hold nothing but nulls" in table
    assert "2 features in" in table
    assert "1 judged, 0 drifted" in table
    assert json.loads(json.dumps(plain(found)))["features"][1] | {"reason": ""} == {
        "view": VIEW, "tenant": "br", "feature": "nothing", "segment": None, "verdict": "not judged", "reason": "",
        "reference_rows": 1600, "current_rows": 400, "distances": {}, **dict.fromkeys(FIGURES),
    }  # fmt: skip


def test_the_monitor_names_what_it_could_not_judge_and_is_blind_where_that_is_all() -> None:
    bad = {name: (d, v) for name, (d, v, _) in BAD.items() if name in ("nothing", "identifiers")}
    platform = company({"moved": ("float64", MOVED)} | bad)
    platform.watch(f"screen-{VIEW}-br", f"urn:vigia:feature_view:{VIEW}", 0.25)
    (alert,) = ScreenMonitor().check(platform.view)
    assert "1 of 1 features drifted: moved: " in alert.summary
    assert "; 2 not judged: nothing: both samples hold nothing but nulls; identifiers: 2,000" in alert.summary
    blind = company(bad)
    blind.watch(f"screen-{VIEW}-br", f"urn:vigia:feature_view:{VIEW}", 0.25)
    monitor = ScreenMonitor()
    assert monitor.check(blind.view) == []
    assert "no feature of card_velocity of br could be judged: nothing: both" in monitor.blind[f"screen-{VIEW}-br"]
    assert monitor.readings == {}


def test_a_report_that_cannot_be_drawn_leaves_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    lost = np.where(np.arange(TOTAL) < ROWS, np.nan, MOVED)
    alone = company({"lost": ("float64", pa.array(lost, from_pandas=True))})
    with caplog.at_level(logging.WARNING):
        assert write_screen_reports(alone.view, screened(alone), ScreenSettings(), tmp_path) == {}
    assert "no report can be drawn of lost: a sample holds no value" in caplog.text

    def break_down(*_: object) -> Path:
        raise ValueError("Unexpected feature type unknown.")

    monkeypatch.setattr(screen_report, "write_drift_report", break_down)
    moved = company({"moved": ("float64", MOVED)})
    assert write_screen_reports(moved.view, screened(moved), ScreenSettings(), tmp_path) == {}
