"""Judges a candidate against its champion by the endpoint's declared guards, validly at every look.

Each guard holds an interval for how much worse the candidate is. The whole interval beyond the limit: breached. All of
it within the limit: clear. Otherwise: too early. The endpoint's `guard_alpha` is shared out evenly among its guards,
and in each between the two versions, so that the chance that an equally good version is ever halted is at most that.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Literal

import numpy as np

from foundation.frozen import Frozen
from platform_core.operations.rollout_spec import GuardMetric, RolloutGuard
from platform_core.serving.rollouts.observations import Arm, Scored
from platform_core.serving.rollouts.sequences import Distribution, Interval, Mean, Share, difference

Standing = Literal["breached", "clear", "undecided"]


class GuardVerdict(Frozen):
    """`low` and `high`: how much more the candidate has than the champion, in the unit of `limit`; true at every look
    with probability 1 - alpha. `candidate` and `champion` are the plain figures so far; for `score` there is only the
    distance."""

    metric: GuardMetric
    limit: float
    threshold: float | None
    candidate: float | None
    champion: float | None
    candidate_count: int
    champion_count: int
    low: float
    high: float
    alpha: float
    standing: Standing

    @property
    def said(self) -> str:
        """One line for people and for the audit log."""
        values = f"{_figure(self.candidate)} against {_figure(self.champion)}" if self.champion is not None else ""
        counts = f"{self.candidate_count} against {self.champion_count} observations"
        return (
            f"guard {self.metric}: {values + ', ' if values else ''}difference in [{self.low:.4g}, {self.high:.4g}], "
            f"limit {self.limit:g}, {counts}"
        )


class Judge(ABC):
    """One guard's evidence. `add` what came, `verdict` whenever one likes."""

    def __init__(self, guard: RolloutGuard, alpha: float) -> None:
        self.guard = guard
        self.alpha = alpha

    @abstractmethod
    def add(self, scored: Scored) -> None: ...

    @abstractmethod
    def verdict(self) -> GuardVerdict: ...

    def _verdict(
        self,
        values: tuple[float | None, float | None],
        counts: tuple[int, int],
        between: Interval,
        *,
        either_way: bool = False,
    ) -> GuardVerdict:
        limit, (low, high) = self.guard.limit, between
        breached = low > limit or (either_way and high < -limit)
        clear = high <= limit and (not either_way or low >= -limit)
        return GuardVerdict(
            metric=self.guard.metric,
            limit=limit,
            threshold=self.guard.threshold,
            candidate=values[0],
            champion=values[1],
            candidate_count=counts[0],
            champion_count=counts[1],
            low=low,
            high=high,
            alpha=self.alpha,
            standing="breached" if breached else "clear" if clear else "undecided",
        )


class ShareJudge(Judge):
    """Of a yes or no per observation: latency over budget, errors, declines."""

    def __init__(
        self, guard: RolloutGuard, alpha: float, yes_or_no: Callable[[Scored], np.ndarray], *, either_way: bool
    ) -> None:
        super().__init__(guard, alpha)
        self._yes_or_no = yes_or_no
        self._either_way = either_way
        self._arms: dict[Arm, Share] = {"candidate": Share(), "champion": Share()}

    def add(self, scored: Scored) -> None:
        self._arms[scored.arm].add(self._yes_or_no(scored))

    def verdict(self) -> GuardVerdict:
        new, old = self._arms["candidate"], self._arms["champion"]
        between = difference(new.interval(self.alpha / 2), old.interval(self.alpha / 2))
        return self._verdict((new.mean, old.mean), (new.count, old.count), between, either_way=self._either_way)


class AmountJudge(Judge):
    """Of the declined amount per request, each counted up to the threshold. Either way, as declines are."""

    def __init__(self, guard: RolloutGuard, alpha: float, decline_threshold: float) -> None:
        super().__init__(guard, alpha)
        self._cap = guard.threshold or 1.0
        self._decline = decline_threshold
        self._arms: dict[Arm, Mean] = {"candidate": Mean(alpha / 2), "champion": Mean(alpha / 2)}

    def add(self, scored: Scored) -> None:
        declined = np.where(scored.score >= self._decline, np.clip(scored.amount, 0, self._cap), 0.0)
        self._arms[scored.arm].add(declined / self._cap)

    def verdict(self) -> GuardVerdict:
        new, old = self._arms["candidate"], self._arms["champion"]
        low, high = difference(new.interval(), old.interval())
        means = tuple(None if arm.mean is None else arm.mean * self._cap for arm in (new, old))
        between = Interval(low * self._cap, high * self._cap)
        return self._verdict((means[0], means[1]), (new.count, old.count), between, either_way=True)


class ScoreJudge(Judge):
    """Of the two score distributions as a whole."""

    def __init__(self, guard: RolloutGuard, alpha: float) -> None:
        super().__init__(guard, alpha)
        self._arms: dict[Arm, Distribution] = {"candidate": Distribution(), "champion": Distribution()}

    def add(self, scored: Scored) -> None:
        self._arms[scored.arm].add(scored.score)

    def verdict(self) -> GuardVerdict:
        new, old = self._arms["candidate"], self._arms["champion"]
        distance = new.distance(old)
        radius = new.radius(self.alpha / 2) + old.radius(self.alpha / 2)
        # the largest step of either could hide as much of a distance between two of its edges
        hidden = max((float(arm.counts.max()) / arm.count if arm.count else 1.0) for arm in (new, old))
        known = 0.0 if distance is None else distance
        between = Interval(max(0.0, known - radius), min(1.0, known + hidden + radius))
        return self._verdict((distance, None), (new.count, old.count), between)


def judges(guards: tuple[RolloutGuard, ...], *, alpha: float, decline_threshold: float) -> list[Judge]:
    """One per guard, with `alpha` shared out among them."""
    return [_judge(guard, alpha / len(guards), decline_threshold) for guard in guards]


def _judge(guard: RolloutGuard, alpha: float, decline_threshold: float) -> Judge:
    match guard.metric:
        case "latency":
            budget = guard.threshold or 0.0
            return ShareJudge(guard, alpha, lambda s: s.latency_ms > budget, either_way=False)
        case "errors":
            return ShareJudge(guard, alpha, lambda s: np.repeat([0.0, 1.0], [s.answers, s.errors]), either_way=False)
        case "decline_rate":
            return ShareJudge(guard, alpha, lambda s: s.score >= decline_threshold, either_way=True)
        case "declined_amount":
            return AmountJudge(guard, alpha, decline_threshold)
        case "score":
            return ScoreJudge(guard, alpha)


def _figure(value: float | None) -> str:
    return "nothing" if value is None else f"{value:.4g}"
