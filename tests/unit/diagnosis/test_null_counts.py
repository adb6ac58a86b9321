"""A burst of nulls is told by its counts, however few rows there are, and is never a nameless bad deploy."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agents.diagnosis.causes import causes
from agents.diagnosis.engine import diagnose
from agents.diagnosis.types import Diagnosis
from platform_core.monitoring.statistics import binomial_tail
from tests.fakes.evidence_sets import (
    DEPLOY,
    MOVED,
    ONLY_HERE,
    PATCHES,
    Figures,
    Patch,
    alert,
    evidence,
    null_counts,
    page,
)
from tools.null_evidence import EXCESS, mean_nats, null_evidence

SOURCE = "urn:vigia:source:payments_br"


def _burst(counts: Figures, **more: Figures) -> Diagnosis:
    patch: Patch = PATCHES["null_burst"] | {"source_quality": counts} | more
    return diagnose(page("null_burst"), evidence(patch))


@settings(deadline=None, max_examples=40)
@given(rows=st.integers(8, 400), share=st.floats(0.12, 1.0), moved=st.booleans(), here=st.booleans())
def test_what_the_monitor_pages_about_is_named(rows: int, share: float, moved: bool, here: bool) -> None:
    """Any counts that page, whether or not chance moved the median of the few rows that are left."""
    nulls = math.ceil(share * rows)
    if nulls < 3 or binomial_tail(nulls, rows, 0.01) > 1e-4:
        return
    diagnosis = _burst(
        null_counts(nulls, rows),
        column_profile=MOVED if moved else {},
        segment_compare=ONLY_HERE if here else {},
    )
    assert diagnosis.top is not None
    assert diagnosis.top.cause == "null_burst"
    assert diagnosis.verdict == "cause"


@settings(deadline=None, max_examples=40)
@given(rows=st.integers(3, 300), nulls=st.integers(0, 300))
def test_more_nulls_among_as_many_rows_never_say_less(rows: int, nulls: int) -> None:
    nulls = min(nulls, rows - 1)
    less, more = (null_evidence(np.arange(rows) >= rows - k, 0.01).nats for k in (nulls, nulls + 1))
    assert more >= less - 1e-9
    confident = [_confidence(_burst(null_counts(k, rows)), "null_burst") for k in (nulls, nulls + 1)]
    assert confident[1] >= confident[0] - 1e-3


@settings(deadline=None, max_examples=20)
@given(rows=st.integers(1, 40), nulls=st.integers(0, 40), promise=st.floats(0.001, 0.3))
def test_the_weight_is_the_likelihood_ratio(rows: int, nulls: int, promise: float) -> None:
    """Against the integral by a fine grid, for one row order: all nulls last."""
    nulls = min(nulls, rows)
    flags = np.arange(rows) >= rows - nulls
    rates = np.linspace(promise + EXCESS, 1, 50_001)[1:-1]
    logs: list[float] = []
    for start in range(rows):
        after, hits = rows - start, int(flags[start:].sum())
        burst = hits * np.log(rates) + (after - hits) * np.log1p(-rates)
        highest = float(burst.max())
        mean = highest + math.log(float(np.mean(np.exp(burst - highest))))
        logs.append(mean - hits * math.log(promise) - (after - hits) * math.log1p(-promise))
    assert null_evidence(flags, promise).nats == pytest.approx(mean_nats(logs), abs=0.05)


def test_a_burst_that_has_only_begun_is_not_diluted_by_the_hours_before() -> None:
    short, long = (null_evidence(np.arange(n) >= n - 4, 0.01) for n in (8, 400))
    assert long.nats > 5
    assert (short.nulls, short.rows) == (4, 4)
    assert long.nulls == 4
    assert long.rows < 12


def test_a_rate_within_the_promise_speaks_against_a_burst_the_more_rows_there_are() -> None:
    steady = [null_evidence(np.arange(n) % 100 == 0, 0.01).nats for n in (50, 500, 5000)]
    assert steady == sorted(steady, reverse=True)
    assert steady[-1] < 0


def test_a_stray_null_is_no_burst() -> None:
    """One null in the newest row of a strict column among nine columns: no verdict hangs on it."""
    diagnosis = diagnose([alert("volume", SOURCE)], evidence({"source_quality": null_counts(1, 40, promise=0.0)}))
    assert diagnosis.verdict == "inconclusive"


@pytest.mark.parametrize("specific", ["null_burst", "renamed_column", "unit_change"])
def test_a_signature_beats_the_catch_all_that_it_entails(specific: str) -> None:
    """A deploy that loses, renames or rescales a column did change values: the name for it is the specific one, even
    when everything that a nameless bad deploy would show is there too."""
    everything: Patch = {
        "change_events": DEPLOY,
        "segment_compare": ONLY_HERE,
        "drift_against_baseline": {"drifted": True, "psi": 0.9},
        "request_agreement": {"agrees": False, "source_over_request": 2.5, "same_move": False},
        **PATCHES[specific],
    }
    everything["column_profile"] = MOVED | PATCHES[specific].get("column_profile", {})
    diagnosis = diagnose(page(specific), evidence(everything))
    assert diagnosis.top is not None
    assert diagnosis.top.cause == specific
    assert _confidence(diagnosis, "bad_deploy") < 0.25


def test_weights_between_seen_and_absent_are_ordered() -> None:
    for cause in causes().values():
        for indicator in cause.indicators:
            steps = [indicator.weight(nats) for nats in (-math.inf, -5.0, -1.0, 0.0, 1.0, 5.0, math.inf)]
            assert steps == sorted(steps) or steps == sorted(steps, reverse=True)
            assert indicator.weight(0.0) == pytest.approx(0.0)


def _confidence(diagnosis: Diagnosis, cause: str) -> float:
    return next((h.confidence for h in (*diagnosis.ranked, *diagnosis.ruled_out) if h.cause == cause), 0.0)
