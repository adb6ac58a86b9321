"""Figures of labelled answers: against known values, their intervals' coverage, and how labels find their answers."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from sklearn.metrics import average_precision_score, roc_auc_score
from typer.testing import CliRunner

from foundation.errors import InvalidInput, NotFound
from interfaces.bootstrap.foundations import open_foundations
from interfaces.bootstrap.platform import offline_store
from interfaces.cli.main import app
from interfaces.settings import load_settings
from platform_core.features.offline.port import OfflineStore
from platform_core.operations.resources import RolloutSpec
from platform_core.operations.sql_resources import SqlResources
from platform_core.serving.performance import DayPerformance, performance
from platform_core.serving.performance_figures import auc, precision_average, share
from platform_core.serving.performance_labels import Labels
from platform_core.serving.prediction_log import DeltaPredictionLog, PredictionRow, PredictionWriter
from platform_core.training.plan import Label
from tests.fakes.offline_store import FakeOfflineStore

NOON = datetime(2026, 11, 19, 12, tzinfo=UTC)
SERVING = {"fraud-br": 0.5, "fraud-ar": 0.5}
TIMESTAMP = pa.timestamp("us", tz="UTC")


def drawn(count: int, seed: int = 1) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    label = (rng.random(count) < 0.1).astype(np.float64)
    return label, np.clip(rng.normal(0.3 + 0.3 * label, 0.15), 0, 1)


def test_the_figures_are_those_of_the_textbook() -> None:
    label, score = drawn(2000)
    ones = np.ones(2000)
    area, average = auc(label, score, ones), precision_average(label, score, ones)
    assert area is not None
    assert average is not None
    assert area.value == pytest.approx(roc_auc_score(label, score))
    assert average.value == pytest.approx(average_precision_score(label, score))
    assert area.low < area.value < area.high
    wilson = share(8, 10)
    assert wilson is not None
    assert (wilson.value, wilson.low, wilson.high) == pytest.approx((0.8, 0.4902, 0.9433), abs=1e-3)
    assert (auc(np.zeros(5), np.ones(5), np.ones(5)), precision_average(np.zeros(5), np.ones(5), np.ones(5))) == (
        None,
    ) * 2
    assert share(0, 0) is None


def test_the_intervals_hold_what_they_say() -> None:
    big_label, big_score = drawn(200_000, seed=99)
    true_auc = roc_auc_score(big_label, big_score)
    true_average = average_precision_score(big_label, big_score)
    inside = np.zeros(2)
    for seed in range(100):
        label, score = drawn(1000, seed)
        area, average = auc(label, score, np.ones(1000)), precision_average(label, score, np.ones(1000))
        assert area is not None
        assert average is not None
        inside += (area.low <= true_auc <= area.high, average.low <= true_average <= average.high)
    assert inside[0] >= 88
    assert inside[1] >= 88


def answers(offline: OfflineStore, count: int, *, day: int = 0, tenant: str = "br", **more: Any) -> np.ndarray:
    """Answers and, two days later, their labels but for every tenth."""
    label, score = drawn(count, seed=day)
    writer = PredictionWriter(offline, pseudonym=lambda key: f"p-{key}")
    at = NOON + timedelta(days=day)
    ids = [f"pay-{day}-{n}" for n in range(count)]
    for n, name in enumerate(ids):
        writer.write(
            PredictionRow(
                at + timedelta(seconds=n), f"fraud-{tenant}", tenant, "1", "champion", float(score[n]),
                bool(score[n] >= 0.5), 10.0, 2.0, 1.0, 0.1, 0, name, f"card-{day}-{n}", **more,
            )
        )  # fmt: skip
    assert writer.flush()
    known = [n for n in range(count) if n % 10]
    told = [at + timedelta(days=2, seconds=n) for n in known]
    offline.append(
        f"chargebacks_{tenant}",
        pa.table(
            {
                "event_id": [ids[n] for n in known],
                "card_id": [f"card-{day}-{n}" for n in known],
                "event_ts": pa.array(told, TIMESTAMP),
                "is_fraud": pa.array(label[known].astype(np.int64)),
            }
        ),
    )
    return label


def judged(offline: OfflineStore, **more: Any) -> list[DayPerformance]:
    given: dict[str, Any] = {"start": NOON - timedelta(days=1), "end": NOON + timedelta(days=5)}
    given |= {"now": NOON + timedelta(days=5), "maturity": timedelta(days=3), **more}
    return list(performance(DeltaPredictionLog(offline), offline, SERVING, **given))


def test_day_by_day_with_coverage_and_maturity() -> None:
    offline = FakeOfflineStore()
    for day in (0, 3):
        answers(offline, 400, day=day)
    first, second = judged(offline, now=NOON + timedelta(days=6))
    assert [f"{line.day:%m-%d}" for line in (first, second)] == ["11-19", "11-22"]
    assert (first.predictions, first.labelled, first.coverage, first.mature) == (400, 360, 0.9, True)
    assert (second.mature, second.labelled) == (False, 360)
    label, score = drawn(400, seed=0)
    known = np.arange(400) % 10 > 0
    assert first.auc is not None
    assert first.auc.value == pytest.approx(roc_auc_score(label[known], score[known]))
    declined = (score >= 0.5) & known
    assert first.precision is not None
    assert first.precision.value == pytest.approx(label[declined].mean())
    assert first.positives == label[known].sum()


def test_labels_that_are_not_told_yet_are_not_known() -> None:
    offline = FakeOfflineStore()
    answers(offline, 100)
    (line,) = judged(offline, now=NOON + timedelta(days=1), end=NOON + timedelta(days=1))
    assert (line.labelled, line.coverage, line.auc) == (0, 0.0, None)


def test_a_batch_that_came_twice_counts_once_and_the_newest_label_holds() -> None:
    offline = FakeOfflineStore()
    answers(offline, 100)
    offline.append("predictions", offline.read("predictions"))
    later, label = pa.array([NOON + timedelta(days=4)], TIMESTAMP), drawn(100, seed=0)[0]
    revised = pa.table({"event_id": ["pay-0-1"], "event_ts": later, "is_fraud": [1 - int(label[1])]})
    offline.append("chargebacks_br", revised)
    (line,) = judged(offline)
    assert (line.predictions, line.labelled) == (100, 90)
    assert line.positives == label[np.arange(100) % 10 > 0].sum() + 1 - 2 * label[1]


def test_by_segment_and_shadow() -> None:
    offline = FakeOfflineStore()
    answers(offline, 100)
    answers(offline, 60, tenant="ar", day=0)
    assert [(line.segment, line.predictions) for line in judged(offline, by="country")] == [("ar", 60), ("br", 100)]
    rows = offline.read("predictions")
    index = rows.schema.get_field_index("shadow_scores")
    scores = pa.array([json.dumps({"2": 0.9}) for _ in range(len(rows))])
    offline._tables["predictions"] = rows.set_column(index, "shadow_scores", scores)
    by_version = judged(offline, by="version")
    assert [(line.segment, line.predictions) for line in by_version] == [("1", 160), ("2", 160)]
    assert by_version[1].recall is not None
    assert by_version[1].recall.value == 1.0, "it would have declined everything"
    assert [line.segment for line in judged(offline, by="variant")] == ["champion", "shadow"]


def test_by_entity_and_time_where_labels_do_not_know_the_request() -> None:
    offline = FakeOfflineStore()
    answers(offline, 50)
    by_id = judged(offline)
    labels = Labels(Label(), entity="card_id", within=timedelta(days=3), pseudonym=lambda key: f"p-{key}")
    assert judged(offline, labels=labels) == by_id
    short = Labels(Label(), entity="card_id", within=timedelta(hours=1), pseudonym=lambda key: f"p-{key}")
    assert [line.labelled for line in judged(offline, labels=short)] == [0]


def test_refusals() -> None:
    offline = FakeOfflineStore()
    with pytest.raises(InvalidInput, match="holds no day"):
        judged(offline, end=NOON - timedelta(days=2))
    assert judged(offline) == []
    answers(offline, 10)
    with pytest.raises(NotFound, match="no table of labels"):
        judged(offline, labels=Labels(Label(table="verdicts_{tenant}")))


def test_the_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VIGIA__DATA_DIR", str(tmp_path / "data"))
    base = open_foundations(load_settings())
    spec = RolloutSpec(model="fraud_score", champion="1", feature_service="fraud_v1")
    SqlResources(base.engine, base.clock, base.audit).create(
        "urn:vigia:endpoint:fraud-br", spec, tenant="br", actor="service:setup"
    )
    answers(offline_store(load_settings()), 200)
    until = ("--until", "2026-11-24")
    done = CliRunner().invoke(app, ["models", "performance", "fraud_score", "--by", "country", *until, "--json"])
    assert done.exit_code == 0, done.exception
    (line,) = json.loads(done.stdout)
    assert (line["segment"], line["labelled"]) == ("br", 180)
    shown = CliRunner().invoke(app, ["models", "performance", "fraud_score", *until], env={"COLUMNS": "200"})
    assert "2026-11-19" in shown.stdout
    for arguments, error in ((("nothing",), NotFound), (("fraud_score", "--by", "contry"), InvalidInput)):
        refused = CliRunner().invoke(app, ["models", "performance", *arguments])
        assert isinstance(refused.exception, error)
