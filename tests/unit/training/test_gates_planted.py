"""Every gate on models that are known to be good and known to be bad."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from platform_core.training.gates.decay import findings
from platform_core.training.gates.judging import judged
from platform_core.training.gates.port import Case, LabelledRows, Replay, Rows
from platform_core.training.gates.registry import all_gates
from platform_core.training.gates.verdicts import GateVerdict
from platform_core.training.plan import Costs, TrainingPlan, Window
from tests.fakes.gates import (
    CARD,
    END,
    NAMES,
    START,
    against_mexico,
    by_noise,
    by_risk,
    case,
    fast_policy,
    labelled,
    model,
)

CHAMPION = model(by_risk, version="1")


def verdict(gate: str, about: Case) -> GateVerdict:
    return judged(all_gates()[gate], about)


def test_an_equal_model_is_not_inferior_and_its_difference_is_nothing() -> None:
    said = verdict("performance", case(model(by_risk), CHAMPION))
    assert said.outcome == "passed"
    assert said.figures["auc_difference"] == said.figures["cost_change"] == 0.0
    assert said.figures["auc"] == said.figures["champion_auc"] > 0.95


def test_a_model_of_noise_is_worse_than_the_champion_with_confidence() -> None:
    said = verdict("performance", case(model(by_noise), CHAMPION))
    assert said.outcome == "failed"
    assert float(said.figures["auc_difference_high"] or 0) < -0.3
    assert "worse than version 1 in AUC" in said.said


def test_a_better_model_passes_and_its_interval_lies_above_zero() -> None:
    said = verdict("performance", case(model(by_risk), model(by_noise, version="1")))
    assert said.outcome == "passed"
    assert float(said.figures["auc_difference_low"] or 0) > 0.3


def test_a_good_ranking_with_a_bad_threshold_costs_too_much() -> None:
    """AUC does not see a threshold that declines everybody; money does."""
    said = verdict("performance", case(model(by_risk, threshold=0.05), CHAMPION))
    assert said.outcome == "failed"
    assert said.figures["auc_difference"] == 0.0
    assert float(said.figures["cost_change_low"] or 0) > 1


def test_few_frauds_cannot_be_judged_and_few_that_can_do_not_pass_for_equality() -> None:
    few = verdict("performance", case(model(by_risk), CHAMPION, rows=labelled(400)))
    assert (few.outcome, few.limits["frauds"]) == ("could_not_be_judged", 50)
    loose = fast_policy(held_out={"min_rows": 10, "min_frauds": 5})

    def slightly_else(rows: np.ndarray) -> np.ndarray:  # type: ignore[type-arg]
        return rows[:, 0] + 0.25 * (rows[:, 1] - 0.5)

    noisy = case(model(slightly_else), CHAMPION, rows=labelled(300, fraud_share=0.06), policy=loose)
    assert verdict("performance", noisy).outcome != "passed"


def test_the_first_version_is_held_to_a_floor() -> None:
    assert verdict("performance", case(model(by_risk))).outcome == "passed"
    assert verdict("performance", case(model(by_noise))).outcome == "failed"


def test_weights_make_up_for_rows_that_were_left_out() -> None:
    rows = labelled(6000)
    genuine = np.flatnonzero(rows.label == 0)
    dropped = np.random.default_rng(1).choice(genuine, len(genuine) // 2, replace=False)
    kept = np.setdiff1d(np.arange(len(rows)), dropped)
    weight = np.where(rows.label == 0, len(genuine) / (len(genuine) - len(dropped)), 1.0)[kept]
    thinned = LabelledRows(
        NAMES,
        rows.features[kept],
        rows.label[kept],
        weight,
        {name: values[kept] for name, values in rows.segments.items()},
        rows.start,
        rows.end,
    )
    whole, some = (verdict("performance", case(model(by_risk), CHAMPION, rows=r)) for r in (rows, thinned))
    for name in ("auc", "average_precision"):
        assert some.figures[name] == pytest.approx(whole.figures[name], abs=0.02)


def test_a_model_that_declines_one_countrys_customers_is_unfair() -> None:
    fair = verdict("bias", case(model(by_risk)))
    unfair = verdict("bias", case(model(against_mexico)))
    assert (fair.outcome, unfair.outcome) == ("passed", "failed")
    assert unfair.figures["worst"] == "country=mx"
    assert float(unfair.figures["worst_difference_low"] or 0) > 0.02
    assert float(unfair.figures["declined_genuine country=mx"] or 0) > 0.08
    assert "merchant_size" not in unfair.said


def test_a_segment_of_a_few_payments_is_named_and_not_judged() -> None:
    rows = labelled()
    country = np.where(np.arange(len(rows)) < 40, "uy", rows.segments["country"])
    tiny = replace(rows, segments={"country": country})
    said = verdict("bias", case(model(by_risk), rows=tiny))
    assert said.outcome == "passed"
    assert "country=uy" in str(said.figures["not_judged"])
    alone = replace(rows, segments={"country": np.full(len(rows), "br")})
    assert verdict("bias", case(model(by_risk), rows=alone)).outcome == "could_not_be_judged"


def test_scores_that_differ_online_are_found_in_whatever_feature_it_is() -> None:
    features = labelled().features[:200]
    assert verdict("consistency", case(model(by_risk))).outcome == "passed"
    skewed = features.copy()
    skewed[::10, 0] += 1
    said = verdict("consistency", case(model(by_risk), replayed=Replay(NAMES, features, skewed)))
    assert (said.outcome, said.figures["share_apart"]) == ("failed", 0.1)
    assert said.figures["parity risk"] == 0.9
    assert said.figures["parity noise"] == 1.0
    unused = features.copy()
    unused[::10, 1] += 1
    said = verdict("consistency", case(model(by_risk), replayed=Replay(NAMES, features, unused)))
    assert (said.outcome, said.figures["parity noise"]) == ("passed", 0.9), "reported, though no score depends on it"
    lost = features.copy()
    lost[0, 0] = np.nan
    assert verdict("consistency", case(model(by_risk), replayed=Replay(NAMES, features, lost))).outcome == "failed"
    short = Replay(NAMES, features[:20], features[:20])
    assert verdict("consistency", case(model(by_risk), replayed=short)).outcome == "could_not_be_judged"


def test_a_model_that_takes_its_time_is_over_the_budget() -> None:
    assert verdict("latency", case(model(by_risk))).outcome == "passed"
    slow = verdict("latency", case(model(by_risk, slow_ms=2.5)))
    assert slow.outcome == "failed"
    assert float(slow.figures["p99_ms"] or 0) > 2.5
    declared = verdict("latency", case(model(by_risk), declared={"the SLA of fraud-br": 60, "far": 900}))
    assert (declared.outcome, declared.limits["p99_ms"]) == ("passed", 12.0)


def test_training_data_that_no_longer_looks_like_what_comes_in() -> None:
    assert verdict("drift", case(model(by_risk))).outcome == "passed"
    moved = labelled(seed=12)
    shifted = Rows(NAMES, moved.features * [1.0, 3.0, 1.0])
    said = verdict("drift", case(model(by_risk), newest=shifted))
    assert (said.outcome, said.figures["largest_psi_column"], said.figures["columns_over"]) == ("failed", "noise", 1)
    nulls = moved.features.copy()
    nulls[: len(nulls) // 2, 0] = np.nan
    said = verdict("drift", case(model(by_risk), newest=Rows(NAMES, nulls)))
    assert said.outcome == "failed"
    assert said.figures["largest_null_rate_change"] == pytest.approx(0.5)
    few = Rows(NAMES, moved.features[:20])
    assert verdict("drift", case(model(by_risk), newest=few)).outcome == "could_not_be_judged"


@pytest.mark.parametrize("heading", ["Owner", "Purpose", "Limits", "Training data", "Metrics"])
def test_a_card_that_leaves_something_out_is_incomplete(heading: str) -> None:
    assert verdict("documentation", case(model(by_risk))).outcome == "passed"
    without = verdict("documentation", case(model(by_risk), card_text=CARD.replace(f"## {heading}", "## Other")))
    assert without.outcome == "failed"
    assert heading.lower().removeprefix("training ") in without.said
    empty = CARD.replace("Probability that a payment is fraudulent.", "Fraud.")
    assert "next to nothing is said of purpose" in verdict("documentation", case(model(by_risk), card_text=empty)).said


def test_an_old_champion_gives_reasons_to_train_again() -> None:
    fresh = findings(case(model(by_risk)))
    assert fresh.reasons == []
    decayed = findings(case(model(by_noise)))
    assert [verdict.gate for verdict in decayed.verdicts if verdict.outcome == "failed"] == ["decay"]
    drifted = findings(case(model(by_risk), newest=Rows(NAMES, labelled(seed=12).features * [1.0, 3.0, 1.0])))
    assert drifted.reasons
    assert drifted.reasons[0].startswith("drift: 1 of 3 columns moved since training: noise PSI")


def test_a_gate_that_crashes_is_a_verdict_and_an_error_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    class Broken:
        name, summary = "broken", ""

        def judge(self, case: Case) -> GateVerdict:
            raise ZeroDivisionError("of nothing")

    said = judged(Broken(), case(model(by_risk)))
    assert (said.outcome, said.said) == (
        "could_not_be_judged",
        "the gate itself failed: ZeroDivisionError: of nothing",
    )
    assert "gate broken failed" in caplog.text


def test_costs_are_those_of_the_candidates_plan() -> None:
    """At fifty to one a low threshold is cheap, at the policy's five to one it is dear."""
    low = model(by_risk, threshold=0.5)
    plan = TrainingPlan(
        model="fraud_score",
        feature_service="fraud_v1",
        window=Window(start=START, end=END),
        seed=1,
        costs=Costs(missed=50, declined=1),
    )
    signature = low.version.signature.model_copy(update={"plan": plan.model_dump(mode="json")})
    planned = replace(low, version=low.version.model_copy(update={"signature": signature}))
    by_policy, by_plan = (verdict("performance", case(m, CHAMPION)) for m in (low, planned))
    assert (by_policy.figures["missed_to_declined"], by_plan.figures["missed_to_declined"]) == (5, 50)
    assert (by_plan.figures["threshold"], by_plan.figures["champion_threshold"]) == (0.5, 0.8)
    assert float(by_plan.figures["cost_change_high"] or 0) < -0.5 < float(by_policy.figures["cost_change_low"] or 0)


def of_mexico(payments: int, declined: int, rest: int = 4000) -> LabelledRows:
    """Genuine payments of two countries, so many of mexico's scored for decline and 2 % of the others', and fraud."""
    country = np.repeat(["mx", "br", "br"], [payments, rest, 200])
    order = np.concatenate([np.arange(payments) < declined, np.arange(rest) < rest // 50, np.full(200, True)])
    features = np.column_stack([np.where(order, 0.9, 0.1), np.zeros(len(order)), country == "mx"]).astype(np.float64)
    label = np.repeat([0.0, 1.0], [payments + rest, 200])
    return LabelledRows(NAMES, features, label, np.ones(len(label)), {"country": country}, START, END)


@pytest.mark.parametrize(
    ("payments", "declined", "outcome"),
    [(200, 14, "could_not_be_judged"), (200, 40, "failed"), (4000, 80, "passed")],
)
def test_a_segment_that_may_be_treated_unfairly_does_not_pass(payments: int, declined: int, outcome: str) -> None:
    assert verdict("bias", case(model(by_risk), rows=of_mexico(payments, declined, 6000))).outcome == outcome


def test_segments_that_are_too_small_may_be_a_small_part_only() -> None:
    rows = labelled()
    many = np.array([f"c{i % 40}" for i in range(len(rows))])
    country = np.where(np.arange(len(rows)) < len(rows) // 2, "br", many)
    split = replace(rows, segments={**rows.segments, "country": country})
    said = verdict("bias", case(model(by_risk), rows=split))
    assert (said.outcome, said.limits["unjudged_share"]) == ("could_not_be_judged", 0.2)
    assert "too small" in said.said
