"""`vigia features materialize | backfill | runs | screen` on a small platform of its own."""

from __future__ import annotations

import json
import random
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from foundation.database import open_database
from foundation.errors import Forbidden, InvalidInput
from interfaces.cli.main import app
from interfaces.principals import add_principal
from interfaces.settings import load_settings
from platform_core.features.leases import SqlLeases
from platform_core.features.offline.delta import DeltaOfflineStore
from tests.fakes.velocity import payments

CATALOG = """
entities:
  - {name: card, join_key: card_id, description: a card}
sources:
  - name: payments_br
    tenant: br
    table: payments_br
    owner: risk
    columns:
      - {name: event_id, dtype: string, description: id}
      - {name: event_ts, dtype: timestamp, description: when}
      - {name: ingested_at, dtype: timestamp, description: written}
      - {name: card_id, dtype: string, description: card}
      - {name: amount, dtype: float64, description: amount, max_null_rate: 0.1}
feature_views:
  - name: card_velocity
    entity: card
    sources: [payments_br]
    ttl: 24h
    freshness_sla: 10m
    owner: risk
    channel: "#risk"
    description: how often
    aggregations:
      - {name: n_1h, function: count, column: event_id, window: 1h}
      - {name: amount_mean_24h, function: mean, column: amount, window: 24h}
"""

SCREENED_WRONGLY = {
    ("--current", "10x"): "^--current: '10x' is not a duration",
    ("--reference", "0d"): "^--reference: '0d' is not a duration",
    ("--current", "8d", "--baseline", "weekday_hour"): "^--current: 8d is too long for a baseline by weekday and hour",
    ("--segment", "country"): "^--segment: card_velocity has no column 'country'",
}

VIEW = CATALOG.partition("feature_views:\n")[2]


@pytest.fixture
def now() -> datetime:
    return datetime.now(UTC)


@pytest.fixture(autouse=True)
def platform(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, now: datetime) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "catalog").mkdir()
    (tmp_path / "catalog" / "all.yaml").write_text(CATALOG, encoding="utf-8")
    monkeypatch.setenv("VIGIA__DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("VIGIA__CATALOG_PATH", str(tmp_path / "catalog"))
    rng = random.Random(1)
    events = [
        {
            "id": f"e{n}",
            "at": now - timedelta(minutes=6 * n + 1),
            "card": f"c{n % 9}",
            "amount": rng.lognormvariate(3, 1),
        }
        for n in range(900)
    ]
    offline = DeltaOfflineStore(tmp_path / "data" / "offline")
    future = [{**events[0], "id": "future", "at": now + timedelta(days=2)}]
    offline.append("payments_br", payments([*events, *future], ingested=now))
    return tmp_path


def features(*arguments: str) -> Any:
    result = CliRunner().invoke(app, ["features", *arguments], catch_exceptions=False)
    return result


def test_materialize_then_backfill_then_runs_then_screen(now: datetime, monkeypatch: pytest.MonkeyPatch) -> None:
    (run,) = json.loads(features("materialize", "card_velocity", "--json").stdout)
    assert (run["status"], run["rows"], run["counts"]) == ("succeeded", 900, {"taken": 900, "held_back": 1})
    (again,) = json.loads(features("materialize", "card_velocity", "--tenant", "br", "--json").stdout)
    assert (again["status"], again["rows"]) == ("succeeded", 0)
    start, end = f"{now - timedelta(hours=30):%Y-%m-%dT%H:%M:%SZ}", f"{now - timedelta(hours=5):%Y-%m-%dT%H:%M:%SZ}"
    stretch = ("card_velocity", "--from", start, "--to", end)
    (estimate,) = json.loads(features("backfill", *stretch, "--dry-run", "--json").stdout)
    assert (estimate["events"], estimate["basis"]) == (250, "median of this view's last 1 runs")
    assert estimate["rows_read"] > 400
    assert estimate["usd"] > 0
    (repaired,) = json.loads(features("backfill", *stretch, "--json").stdout)
    assert (repaired["status"], repaired["rows"]) == ("succeeded", 0)
    runs = json.loads(features("runs", "card_velocity", "--json").stdout)
    assert [r["rows"] for r in runs] == [0, 0, 900]
    assert "succeeded" in features("runs").stdout
    people = load_settings().principals_file
    for name, tenant in (("eve", "ar"), ("ana", "br")):
        monkeypatch.setenv("VIGIA_API_KEY", add_principal(people, name=name, roles=["viewer"], tenants=[tenant]))
        if name == "eve":
            for refused in (("screen",), ("screen", "--tenant", "br"), ("card", "card_velocity", "--live")):
                with pytest.raises(Forbidden, match="human:eve may not read features of tenant 'br'"):
                    features(*refused)
    assert "## Now" in features("card", "card_velocity").stdout
    assert "## Now" not in features("card", "card_velocity", "--declared").stdout
    screened = json.loads(features("screen", "--json").stdout)
    assert {f["feature"] for f in screened["features"]} == {"n_1h", "amount_mean_24h"}
    assert screened["unread"] == {}
    assert "2 features in" in features("screen").stdout
    for asked, said in SCREENED_WRONGLY.items():
        with pytest.raises(InvalidInput, match=said):
            features("screen", *asked)


def test_the_second_one_is_told_who_is_at_it() -> None:
    assert features("runs").exit_code == 0  # makes the schema
    engine = open_database(load_settings().database_url)
    SqlLeases(engine, holder="a night job").hold("card_velocity", "br", "stream")
    engine.dispose()
    result = features("materialize", "card_velocity", "--json")
    (run,) = json.loads(result.stdout)
    assert (result.exit_code, run["status"]) == (1, "cancelled")
    assert "held by a night job" in run["error"]
    assert json.loads(features("runs", "--json").stdout) == [], "the holder's runs are on record, not ours"


def test_what_is_held_does_not_keep_the_others_from_their_turn(platform: Path) -> None:
    text = CATALOG.replace("feature_views:\n", "feature_views:\n" + VIEW.replace("card_velocity", "another"))
    (platform / "catalog" / "all.yaml").write_text(text, encoding="utf-8")
    assert features("runs").exit_code == 0
    engine = open_database(load_settings().database_url)
    SqlLeases(engine, holder="a night job").hold("card_velocity", "br", "stream")
    engine.dispose()
    result = features("materialize", "card_velocity", "another", "--json")
    assert [run["status"] for run in json.loads(result.stdout)] == ["cancelled", "succeeded"]
    assert result.exit_code == 1


def test_a_run_that_fails_says_why_and_exits_with_1(platform: Path) -> None:
    (platform / "data" / "offline" / "payments_br" / "_delta_log" / f"{0:020d}.json").write_text("{")
    result = features("materialize", "card_velocity")
    assert result.exit_code == 1
    assert "failed" in result.stdout


@pytest.mark.parametrize("moment", ["yesterday", "2026-11-18T06:00:00"])
def test_a_moment_that_is_none_is_refused(moment: str) -> None:
    with pytest.raises(InvalidInput, match="--from"):
        features("backfill", "card_velocity", "--from", moment, "--to", "2026-11-19")
