"""For every cause evidence in which it wins, and evidence close to it in which its nearest rival does."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agents.diagnosis.case import Case
from agents.diagnosis.causes import causes
from agents.diagnosis.engine import RULED_OUT, diagnose
from agents.diagnosis.types import Diagnosis
from agents.diagnosis.weighing import HIGHEST, NONE_OF_THESE, confidences, learned, weigh
from agents.evidence import Evidence
from tests.fakes.evidence_sets import (
    DEPLOY,
    HEALTHY,
    PATCHES,
    Patch,
    alert,
    cost_evidence,
    evidence,
    latency_evidence,
    page,
)

EVIDENCE: dict[str, list[Evidence]] = {
    **{cause: evidence(patch) for cause, patch in PATCHES.items()},
    "online_store_slow": latency_evidence(store=[True] * 4, model=[False] * 4, job="running"),
    "model_latency": latency_evidence(store=[False] * 4, model=[True, False, False, False]),
    "endpoint_overprovisioned": cost_evidence(cpu=0.006, suggested=1),
}
NO_FAULT = {"population_shift", "held_by_quarantine"}


def _with(cause: str, changes: Patch) -> list[Evidence]:
    patch = {tool: dict(figures) for tool, figures in PATCHES[cause].items()}
    for tool, figures in changes.items():
        patch[tool] = patch.get(tool, {}) | figures
    return evidence(patch)


RIVALS: list[tuple[str, str, list[Evidence]]] = [
    # the same move, but no power of ten lies in it
    (
        "unit_change",
        "bad_deploy",
        _with(
            "unit_change",
            {
                "column_profile": PATCHES["bad_deploy"]["column_profile"]
                | {"is_unit_factor": False, "unit_factor": None}
            },
        ),
    ),
    # x100, and customers' own requests say so too: they really pay more
    (
        "unit_change",
        "population_shift",
        _with(
            "population_shift",
            {"change_events": {"campaign_minutes_before": None}, "source_volume": HEALTHY["source_volume"]},
        ),
    ),
    # the same shift, but the requests of the same payments did not move, and there was a deploy
    (
        "population_shift",
        "bad_deploy",
        _with(
            "population_shift",
            {**PATCHES["bad_deploy"], "source_volume": HEALTHY["source_volume"]}
            | {
                "request_agreement": {"agrees": False, "request_moved": False, "same_move": False},
                "change_events": {**DEPLOY, "campaign_minutes_before": None},
            },
        ),
    ),
    # stale, but rows arrive: the job is what does not keep up
    ("source_stopped", "materialization_stuck", evidence(PATCHES["materialization_stuck"])),
    # few rows, but as few requests: customers stay away
    ("source_stopped", "traffic_drop", _with("traffic_drop", {"freshness": {"over_sla": True}})),
    # the job fails on its input and keys are null, but no new column explains it, and it began by itself
    (
        "renamed_column",
        "materialization_stuck",
        _with(
            "renamed_column",
            {
                "schema_diff": HEALTHY["schema_diff"],
                "source_quality": HEALTHY["source_quality"],
                "change_events": HEALTHY["change_events"],
                "job_history": {"error_kind": "memory"},
            },
        ),
    ),
    # values are null, because they come under another name
    ("null_burst", "renamed_column", evidence(PATCHES["renamed_column"])),
    # a deploy before, values moved, none is null
    ("null_burst", "bad_deploy", evidence(PATCHES["bad_deploy"])),
    # declines rise on the champion alike: not the canary
    (
        "bad_model_version",
        "unit_change",
        _with("unit_change", {"rollout_status": {"has_canary": True, "canary": "2"}}),
    ),
    ("materialization_stuck", "held_by_quarantine", evidence(PATCHES["held_by_quarantine"])),
    ("online_store_slow", "model_latency", EVIDENCE["model_latency"]),
    ("model_latency", "online_store_slow", EVIDENCE["online_store_slow"]),
]


@dataclass(frozen=True)
class Counts:
    right: int
    wrong: int


def test_every_cause_has_a_scenario() -> None:
    assert set(EVIDENCE) == set(causes())


@pytest.mark.parametrize("cause", sorted(EVIDENCE))
def test_it_wins_on_its_own_evidence(cause: str) -> None:
    diagnosis = diagnose(page(cause), EVIDENCE[cause])
    assert diagnosis.top is not None
    assert diagnosis.top.cause == cause
    assert diagnosis.top.confidence > 0.8
    assert diagnosis.verdict == ("no_fault" if cause in NO_FAULT else "cause")
    assert diagnosis.look_next == ()
    assert "unknown" not in diagnosis.top.title


@pytest.mark.parametrize(("cause", "rival", "pieces"), RIVALS, ids=[f"{c}-not-{r}" for c, r, _ in RIVALS])
def test_its_nearest_rival_wins_on_nearby_evidence(cause: str, rival: str, pieces: list[Evidence]) -> None:
    diagnosis = diagnose([*page(cause), *page(rival)], pieces)
    assert diagnosis.top is not None
    assert diagnosis.top.cause == rival
    assert _confidence(diagnosis, rival) > _confidence(diagnosis, cause) + 0.2


@pytest.mark.parametrize("cause", sorted(EVIDENCE))
def test_every_sentence_cites_evidence_that_exists(cause: str) -> None:
    known = {e.id for e in EVIDENCE[cause]}
    diagnosis = diagnose(page(cause), EVIDENCE[cause])
    for hypothesis in (*diagnosis.ranked, *diagnosis.ruled_out):
        for finding in (*hypothesis.supporting, *hypothesis.refuting):
            assert finding.evidence_ids
            assert set(finding.evidence_ids) <= known
            assert finding.text
            assert math.isfinite(finding.weight)
        assert all(f.weight > 0 for f in hypothesis.supporting)
        assert all(f.weight < 0 for f in hypothesis.refuting)


@pytest.mark.parametrize("cause", sorted(EVIDENCE))
def test_what_is_ruled_out_is_refuted(cause: str) -> None:
    diagnosis = diagnose(page(cause), EVIDENCE[cause])
    assert all(h.refuting and h.confidence < RULED_OUT for h in diagnosis.ruled_out)
    assert not {h.cause for h in diagnosis.ruled_out} & {h.cause for h in diagnosis.ranked}
    assert [h.confidence for h in diagnosis.ranked] == sorted((h.confidence for h in diagnosis.ranked), reverse=True)


@pytest.mark.parametrize("kind", ["drift", "freshness", "nulls", "score_shift", "volume", "job_failure"])
def test_healthy_evidence_is_inconclusive(kind: str) -> None:
    diagnosis = diagnose([alert(kind, "urn:vigia:source:payments_br")], evidence())  # type: ignore[arg-type]
    assert diagnosis.verdict == "inconclusive"
    assert diagnosis.look_next


def test_no_evidence_at_all_is_inconclusive() -> None:
    assert diagnose(page("unit_change"), []).verdict == "inconclusive"
    broken = diagnose(page("unit_change"), evidence(without=tuple(HEALTHY)))
    assert broken.verdict == "inconclusive"
    assert broken.ranked == (), "what nothing speaks for is no suspect"
    assert any(line.startswith("probe again: ") and " of payments_br: " in line for line in broken.look_next)


@pytest.mark.parametrize("kind", ["drift", "latency", "cost"])
def test_what_was_never_probed_is_not_ranked(kind: str) -> None:
    diagnosis = diagnose([alert(kind, "urn:vigia:endpoint:fraud-br")], evidence())  # type: ignore[arg-type]
    assert diagnosis.verdict == "inconclusive"
    assert all(h.supporting for h in diagnosis.ranked)
    assert not {"online_store_slow", "model_latency"} & {h.cause for h in diagnosis.ranked}


@pytest.mark.parametrize("cause", sorted(EVIDENCE))
def test_only_rivals_that_somebody_would_think_of_are_ruled_out(cause: str) -> None:
    diagnosis = diagnose(page(cause), EVIDENCE[cause])
    kinds = {a.kind for a in page(cause)}
    assert len(diagnosis.ruled_out) <= 4
    assert all(causes()[h.cause].pages & kinds or h.supporting for h in diagnosis.ruled_out)
    closeness = [h.confidence for h in diagnosis.ruled_out]
    assert closeness == sorted(closeness, reverse=True)


def test_two_close_causes_are_inconclusive() -> None:
    """Without the requests and the sources side by side, a deploy and a campaign explain a shift alike."""
    patch = {
        "column_profile": PATCHES["bad_deploy"]["column_profile"],
        "change_events": {**DEPLOY, "campaign_minutes_before": 30.0},
    }
    without = ("request_agreement", "segment_compare", "parity", "drift_against_baseline", "source_volume")
    diagnosis = diagnose(page("unit_change"), evidence(patch, without=without))
    assert diagnosis.verdict == "inconclusive"
    assert any("request_agreement" in line for line in diagnosis.look_next)


def test_an_error_says_nothing_but_no_data_may() -> None:
    pieces = EVIDENCE["source_stopped"]
    silent = [e for e in pieces if e.tool != "request_agreement"]
    rows = {"request_rows": 150, "source_rows": 0, "rows_per_request": 0.0}
    agreement = next(e for e in pieces if e.tool == "request_agreement")
    no_rows = agreement.model_copy(
        update={"observation": agreement.observation.model_copy(update={"status": "no_data", "figures": rows})}
    )
    failed = agreement.model_copy(
        update={"observation": agreement.observation.model_copy(update={"status": "error", "figures": rows})}
    )
    told = weigh(causes()["source_stopped"], Case.of(page("source_stopped"), [*silent, no_rows]))
    untold = weigh(causes()["source_stopped"], Case.of(page("source_stopped"), [*silent, failed]))
    assert told.score > untold.score
    assert "request agreement of payments_br: request_agreement" in untold.not_checked


def test_an_innocent_canary_is_not_blamed() -> None:
    """Declines rose while a canary was there: it may be anything but a canary that scores as its champion does."""
    patch = {
        "rollout_status": PATCHES["bad_model_version"]["rollout_status"],
        "score_distribution": PATCHES["bad_model_version"]["score_distribution"]
        | {"canary_worse": False, "canary_decline_rate": 0.09, "champion_decline_rate": 0.09},
    }
    diagnosis = diagnose(page("bad_model_version"), evidence(patch))
    assert diagnosis.verdict == "inconclusive"
    assert _confidence(diagnosis, "bad_model_version") < RULED_OUT
    untold = patch | {"score_distribution": patch["score_distribution"] | {"canary_worse": None}}
    assert _confidence(diagnose(page("bad_model_version"), evidence(untold)), "bad_model_version") > RULED_OUT


def test_without_a_deploy_no_deploy_is_blamed() -> None:
    patch = {tool: figures for tool, figures in PATCHES["bad_deploy"].items() if tool != "change_events"}
    diagnosis = diagnose(page("bad_deploy"), evidence(patch))
    assert _confidence(diagnosis, "bad_deploy") < RULED_OUT
    assert diagnosis.verdict == "inconclusive"


def test_confidence_is_never_certainty() -> None:
    assert max(h.confidence for c in EVIDENCE for h in diagnose(page(c), EVIDENCE[c]).ranked) <= HIGHEST


def test_engineers_verdicts_move_the_prior_but_not_far() -> None:
    close = _with("unit_change", {"column_profile": {"is_unit_factor": None, "same_shape": None}})
    plain = diagnose(page("unit_change"), close)
    wary = diagnose(page("unit_change"), close, priors={"bad_deploy": Counts(40, 0), "unit_change": Counts(0, 40)})
    assert _confidence(wary, "unit_change") < _confidence(plain, "unit_change")
    sure = diagnose(page("unit_change"), EVIDENCE["unit_change"], priors={"unit_change": Counts(0, 1000)})
    assert sure.top is not None
    assert sure.top.cause == "unit_change", "verdicts cannot overturn evidence"
    assert learned(Counts(0, 1)) > -0.5


@settings(deadline=None)
@given(st.dictionaries(st.sampled_from(sorted(causes())), st.floats(-30, 30), min_size=2), st.floats(0, 20))
def test_a_supporting_finding_never_lowers_a_rank(scores: Mapping[str, float], weight: float) -> None:
    chosen = sorted(scores)[0]
    before, after = confidences(scores), confidences({**scores, chosen: scores[chosen] + weight})
    assert after[chosen] >= before[chosen] - 1e-12
    assert _rank(after, chosen) <= _rank(before, chosen)
    assert all(after[other] <= before[other] + 1e-12 for other in scores if other != chosen)
    assert set(after) == {*scores, NONE_OF_THESE}


@settings(deadline=None, max_examples=40)  # other work on the machine must not fail it
@given(st.data())
def test_a_sign_that_only_one_cause_reads_moves_only_that_cause_up(data: st.DataObject) -> None:
    """On real evidence: telling source_stopped that its connector failed never hurts it."""
    cause = data.draw(st.sampled_from(sorted(PATCHES)))
    drawn = data.draw(st.sets(st.sampled_from(sorted(PATCHES[cause]))))
    patch = {tool: figures for tool, figures in PATCHES[cause].items() if tool in drawn}
    without = evidence(patch)
    patch_more = {**patch, "connector_status": {"failed": True, "state": "failed", "up": False, "error": "x"}}
    before = _confidence(diagnose(page("source_stopped"), without), "source_stopped")
    after = _confidence(diagnose(page("source_stopped"), evidence(patch_more)), "source_stopped")
    assert after >= before


def _rank(shares: Mapping[str, float], chosen: str) -> int:
    return sum(share > shares[chosen] for key, share in shares.items() if key != chosen)


def _confidence(diagnosis: Diagnosis, cause: str) -> float:
    return next((h.confidence for h in (*diagnosis.ranked, *diagnosis.ruled_out) if h.cause == cause), 0.0)
