"""The intervals hold at every look at once; the fixed-size ones, looked at as often, do not."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from platform_core.operations.resources import RolloutSpec
from platform_core.operations.rollout_spec import RolloutGuard
from platform_core.serving.rollouts.guards import judges
from platform_core.serving.rollouts.observations import Scored
from platform_core.serving.rollouts.sequences import Distribution, Mean, Share

ALPHA = 0.05


@pytest.mark.parametrize("rate", [0.014, 0.3])
def test_a_share_lies_in_its_interval_at_every_look(rate: float) -> None:
    rng, missed = np.random.default_rng(3), 0
    for _ in range(150):
        share = Share()
        outside = False
        for batch in rng.random((60, 25)) < rate:
            share.add(batch.astype(np.float64))
            low, high = share.interval(ALPHA)
            outside = outside or not low <= rate <= high
        missed += outside
    assert missed / 150 <= ALPHA


def test_a_mean_lies_in_its_interval_at_every_look() -> None:
    rng, missed = np.random.default_rng(4), 0
    for _ in range(100):
        mean, outside = Mean(ALPHA), False
        for batch in rng.beta(0.3, 6, (40, 25)):
            mean.add(batch)
            low, high = mean.interval()
            outside = outside or not low <= 0.3 / 6.3 <= high
        missed += outside
    assert missed / 100 <= ALPHA


def test_intervals_close_in_on_the_truth() -> None:
    rng = np.random.default_rng(5)
    share, mean, whole = Share(), Mean(ALPHA), Distribution()
    values = rng.random(20_000)
    share.add((values < 0.1).astype(np.float64))
    mean.add(values)
    whole.add(values)
    assert share.interval(ALPHA) == pytest.approx((0.1, 0.1), abs=0.012)
    assert mean.interval() == pytest.approx((0.5, 0.5), abs=0.015)
    assert whole.radius(ALPHA) < 0.025
    assert Share().interval(ALPHA) == Mean(ALPHA).interval() == (0.0, 1.0)


def test_the_edges_of_a_share() -> None:
    none, every = Share(), Share()
    none.add(np.zeros(500))
    every.add(np.ones(500))
    assert none.interval(ALPHA).low == 0.0
    assert every.interval(ALPHA).high == 1.0
    assert none.interval(ALPHA).high == pytest.approx(1 - every.interval(ALPHA).low, abs=1e-6)
    # the mixture's own equation, at the bound that was found
    edge = none.interval(ALPHA).high
    evidence = math.lgamma(500.5) - math.lgamma(501) + math.lgamma(1) - math.lgamma(0.5) - 500 * math.log1p(-edge)
    assert evidence == pytest.approx(math.log(1 / ALPHA), abs=1e-4)


GUARDS = (
    RolloutGuard(metric="decline_rate", limit=0.02),
    RolloutGuard(metric="latency", limit=0.05, threshold=75),
    RolloutGuard(metric="errors", limit=0.02),
    RolloutGuard(metric="score", limit=0.2),
    RolloutGuard(metric="declined_amount", limit=5, threshold=500),
)


def scored(rng: np.random.Generator, arm: Any, count: int, *, shift: float = 0.0, slow: float = 1.0) -> Scored:
    return Scored(
        arm=arm,
        score=np.clip(rng.beta(0.4, 12, count) + shift * rng.random(count), 0, 1),
        amount=rng.lognormal(3.7, 1, count),
        latency_ms=slow * rng.lognormal(2, 0.5, count),
        answers=count,
    )


def looked_at(seed: int, looks: int, *, shift: float = 0.0, slow: float = 1.0) -> tuple[bool, bool, int]:
    """Whether the guards ever halt it, whether a t-test at every look (Welch on the scores, p < 0.05) would have, and
    at which look the guards did: 80 champion's and 20 candidate's requests more at each."""
    rng = np.random.default_rng(seed)
    bench = judges(GUARDS, alpha=ALPHA, decline_threshold=0.3)
    sums = {"candidate": np.zeros(3), "champion": np.zeros(3)}
    naive, halted = False, 0
    for look in range(1, looks + 1):
        for part in (scored(rng, "champion", 80), scored(rng, "candidate", 20, shift=shift, slow=slow)):
            sums[part.arm] += (len(part.score), part.score.sum(), (part.score**2).sum())
            for judge in bench:
                judge.add(part)
        naive = naive or abs(_welch(*sums.values())) > 1.96
        if not halted and any(judge.verdict().standing == "breached" for judge in bench):
            halted = look
            break
    return halted > 0, naive, halted


def _welch(first: np.ndarray, second: np.ndarray) -> float:
    (n, a, aa), (m, b, bb) = first, second
    error = math.sqrt((aa / n - (a / n) ** 2) / (n - 1) + (bb / m - (b / m) ** 2) / (m - 1))
    return (a / n - b / m) / error


def test_peeking_halts_no_equal_version_while_the_t_test_lies() -> None:
    runs = [looked_at(seed, 50) for seed in range(60)]
    halted, naive = (sum(run[i] for run in runs) / len(runs) for i in (0, 1))
    assert halted <= ALPHA
    assert naive > 3 * ALPHA, "the ordinary test, looked at fifty times, is wrong far more often than it says"


@pytest.mark.parametrize("bad", [{"shift": 0.6}, {"slow": 10.0}])
def test_a_bad_version_is_halted_soon(bad: dict[str, float]) -> None:
    runs = [looked_at(seed, 50, **bad) for seed in range(15)]
    assert all(halted for halted, _, _ in runs)
    assert np.median([look for _, _, look in runs]) <= 15, "300 requests of the candidate's"


def test_the_alpha_of_an_endpoint_is_shared_out() -> None:
    spec = RolloutSpec(model="m", champion="1", feature_service="f", guards=GUARDS)
    bench = judges(spec.guards, alpha=spec.guard_alpha, decline_threshold=0.5)
    assert sum(judge.verdict().alpha for judge in bench) == pytest.approx(spec.guard_alpha)
    assert {judge.verdict().standing for judge in bench} == {"undecided"}


def test_letting_more_through_is_as_bad_as_declining_more() -> None:
    (judge,) = judges((RolloutGuard(metric="decline_rate", limit=0.05),), alpha=ALPHA, decline_threshold=0.5)
    score = np.where(np.arange(2000) % 5 == 0, 0.9, 0.1)
    whole = {"amount": np.ones(2000), "latency_ms": np.ones(2000), "answers": 2000}
    judge.add(Scored(arm="champion", score=score, **whole))
    judge.add(Scored(arm="candidate", score=np.full(2000, 0.1), **whole))
    assert judge.verdict().standing == "breached"
    assert judge.verdict().high < -0.05
