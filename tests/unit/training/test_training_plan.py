"""Plans as people write them, and what a plan makes of the data: segments, calibration, costs, provenance."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from foundation.errors import Conflict, Forbidden, InvalidInput, NotFound
from platform_core.features.offline.delta import DeltaOfflineStore
from platform_core.training.baseline import column_baseline, weighted_quantiles
from platform_core.training.card import render_card
from platform_core.training.evaluation import calibrate, judge
from platform_core.training.pinned import PinnedOfflineStore
from platform_core.training.pipeline import train
from platform_core.training.plan import Costs, Segment, TrainingPlan, load_plan, make_plan
from platform_core.training.segments import segment_values
from tests.fakes.payments import END, SERVICE, START, features_of_the_row, small_catalog, small_history

PLAN = """
model: fraud_score
feature_service: fraud_v1
window: {start: 2026-11-12T00:00:00Z, end: 2026-11-18T21:00:00-03:00}
feature_lag: 90s
seed: 7
estimator: {flavor: lightgbm, trees: 8, parameters: {num_leaves: 7}}
segments:
  - {name: country, column: tenant}
  - {name: size, column: amount, buckets: 3}
costs: {missed: 20, declined: 2}
"""


def _plan(tmp_path: Path, old: str = "", new: str = "") -> TrainingPlan:
    path = tmp_path / "plan.yaml"
    assert old in PLAN
    path.write_text(PLAN.replace(old, new))
    return load_plan(path)


def test_a_plan_survives_being_stored(tmp_path: Path) -> None:
    plan = _plan(tmp_path)
    assert plan.window.end == END
    assert make_plan(plan.model_dump(mode="json")) == plan
    later = plan.over(None, END.replace(day=20))
    assert later.window.end.day == 20
    assert later.model_copy(update={"window": plan.window}) == plan


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        ("seed: 7", "", r"seed: field required"),
        ("seed: 7", "seed: 7\nseeed: 1", r"plan.yaml:\d+: seeed: extra inputs"),
        ("num_leaves: 7", "num_threads: 7", r"plan.yaml:7: estimator.lightgbm.parameters.num_threads"),
        ("lightgbm, trees: 8", "xgboost, trees: 8", r"plan.yaml:7: estimator: .*'lightgbm', 'sklearn'"),
        ("2026-11-12T00:00:00Z", "2026-11-12T00:00:00", r"plan.yaml:4: window.start: .*timezone"),
        ("2026-11-12T", "2027-11-12T", r"plan.yaml:4: window: .*before it begins"),
        ("feature_lag: 90s", "feature_lag: soon", r"plan.yaml:5: feature_lag: .*not a duration"),
        ("seed: 7", "seed: [", "not YAML"),
    ],
)
def test_a_plan_that_does_not_fit_names_the_line(tmp_path: Path, old: str, new: str, why: str) -> None:
    with pytest.raises(InvalidInput, match=why):
        _plan(tmp_path, old, new)


def test_a_plan_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="there is no plan"):
        load_plan(tmp_path / "plan.yaml")


def test_a_run_is_judged_by_segment_and_says_where_it_came_from(tmp_path: Path) -> None:
    heard: list[str] = []
    trained = train(
        _plan(tmp_path), small_history(), small_catalog(), historical=features_of_the_row, tell=heard.append
    )
    signature = trained.signature
    assert signature.quality is not None
    by = {(s.segment, s.value): s for s in signature.quality.segments}
    assert {("country", "ar"), ("country", "br")} < set(by)
    sizes = [s for s in signature.quality.segments if s.segment == "size"]
    assert len(sizes) == 3
    assert sum(s.rows for s in sizes) == by["country", "ar"].rows + by["country", "br"].rows
    # Fraud is large: it is where the large payments are.
    assert max(sizes, key=lambda s: s.fraud_rate).value.endswith("and more")
    assert signature.metrics["ece"] == signature.quality.calibration.ece < 0.1
    assert signature.metrics["cost_per_1000"] < signature.metrics["cost_per_1000_approving_all"]
    assert len(signature.environment_lock) == len(signature.query_digest) == len(signature.code_version) == 64
    assert make_plan(signature.plan).costs == Costs(missed=20, declined=2)
    assert len(signature.baseline["amount"].ventiles) == 19
    assert signature.scores is not None
    assert [line.split()[0] for line in heard] == ["reading", "joining", "fitting", "judging"]
    card = render_card(trained, "fraud_score", "3")
    for told in ("country: br", "size: below", "Expected calibration error", "query `", "environment `"):
        assert told in card


def test_costs_move_the_threshold(tmp_path: Path) -> None:
    rng = np.random.default_rng(5)
    score = rng.random(4000)
    label = (rng.random(4000) < score).astype(float)  # calibrated: decline from declined / (missed + declined) on
    for missed, best in ((1.0, 0.5), (3.0, 0.25), (9.0, 0.1)):
        found = judge(label, score, np.ones(4000), costs=Costs(missed=missed), segments={}).threshold
        assert found == pytest.approx(best, abs=0.06)


@given(st.lists(st.tuples(st.sampled_from([0.0, 0.1, 0.5, 1.0]), st.booleans(), st.integers(1, 3)), min_size=1))
def test_calibration_is_within_bounds_and_weighs_all_rows(found: list[tuple[float, bool, int]]) -> None:
    score, label, weight = (np.array(column, dtype=float) for column in zip(*found, strict=True))
    calibration = calibrate(label, score, weight)
    assert sum(b.weight for b in calibration.bins) == pytest.approx(1, abs=1e-5)
    assert 0 <= calibration.ece <= 1
    assert calibration.brier == pytest.approx(np.average((score - label) ** 2, weights=weight), abs=1e-6)
    overall = abs(np.average(score, weights=weight) - np.average(label, weights=weight))
    assert calibration.ece >= overall - 1e-5


def test_a_score_that_is_twice_too_high_is_not_calibrated() -> None:
    rng = np.random.default_rng(5)
    score = rng.random(20_000)
    label = (rng.random(20_000) < score / 2).astype(float)
    assert calibrate(label, score, np.ones(20_000)).ece == pytest.approx(0.25, abs=0.02)
    assert calibrate(label, score / 2, np.ones(20_000)).ece < 0.02


@given(st.lists(st.tuples(st.integers(-5, 5), st.integers(1, 4)), min_size=1))
def test_a_row_counts_as_the_payments_it_stands_for(found: list[tuple[int, int]]) -> None:
    values, weight = (np.array(column, dtype=float) for column in zip(*found, strict=True))
    spread = np.repeat(values, weight.astype(int))
    shares = np.array([0.01, 0.5, 0.99])
    expected = np.quantile(spread, shares, method="inverted_cdf")
    np.testing.assert_array_equal(weighted_quantiles(values, weight, shares), expected)
    baseline = column_baseline(values, weight)
    assert baseline.mean == pytest.approx(spread.mean())
    assert baseline.stddev == pytest.approx(spread.std(), abs=1e-9)


def test_segments_of_a_crowded_column_and_of_text() -> None:
    columns = {
        "count": pa.chunked_array([[0, 0, 0, 0, 0, 0, 7, 9, None]]),
        "channel": pa.chunked_array([["pos"] * 8 + [None]]),
    }
    counts = Segment(name="count", column="count", buckets=3)
    values = segment_values([counts, Segment(name="channel", column="channel")], columns)
    assert sorted(set(values["count"])) == ["7 and more", "below 7", "unknown"]
    constant = segment_values([counts], {"count": pa.chunked_array([[4, 4, None]])})
    assert list(constant["count"]) == ["4", "4", "unknown"]
    assert list(values["channel"][-2:]) == ["pos", "unknown"]
    with pytest.raises(InvalidInput, match="segment 'x' cuts 'channel', which is string"):
        segment_values([Segment(name="x", column="channel", buckets=2)], columns)


def test_a_pinned_store_reads_the_past_only(tmp_path: Path) -> None:
    store = DeltaOfflineStore(tmp_path)
    first = small_history(50).read("payments_br")
    store.append("payments_br", first)
    pinned = PinnedOfflineStore(store)
    before = pinned.read("payments_br", start=START, end=END, columns=["event_id"])
    store.append("payments_br", small_history(30, seed=9).read("payments_br"))
    assert pinned.read("payments_br", start=START, end=END, columns=["event_id"]).equals(before)
    assert store.read("payments_br").num_rows == 80
    assert pinned.versions == {"payments_br": 0}
    half = START + (END - START) / 2
    later = PinnedOfflineStore(store, {"payments_br": 0}).read("payments_br", start=half)
    assert later.sort_by("event_id").equals(store.read_version("payments_br", 0, start=half).sort_by("event_id"))
    with pytest.raises(Conflict, match="'chargebacks_br' was not read then"):
        PinnedOfflineStore(store, {"payments_br": 0}).read("chargebacks_br")
    with pytest.raises(InvalidInput, match="has no column 'nope'"):
        pinned.read("payments_br", columns=["nope"])
    with pytest.raises(Forbidden):
        pinned.append("payments_br", first)


def test_an_unknown_service_is_named() -> None:
    plan = make_plan({"model": "m", "feature_service": "fraud_v9", "window": {"start": START, "end": END}, "seed": 1})
    with pytest.raises(NotFound, match=r"fraud_v9.*did you mean 'fraud_v1'"):
        train(plan, small_history(50), small_catalog())
    assert SERVICE == "fraud_v1"
