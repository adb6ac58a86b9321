"""Genuine payments of no segment are declined much more often than those of all others.

The false-positive rate of each segment (country, merchant size, …) against that of the rest, each payment declined from
the threshold on of the endpoint that will decide it (`thresholds`); where there are several ways, the worst counts. A
segment fails when the difference is over its limit with confidence and the ratio is, too: at rates of a thousandth a
ratio alone says little, and at rates of a third a difference alone would. It passes when the difference is under the
limit with confidence; in between, it could not be judged. Segments with few genuine payments are named and not judged,
unless too much of the traffic is theirs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from platform_core.training.gates.checks.performance import not_enough
from platform_core.training.gates.intervals import Interval, effective_size, rate_difference, wilson
from platform_core.training.gates.policy import BiasLimits
from platform_core.training.gates.port import Case, Floats, LabelledRows
from platform_core.training.gates.thresholds import Deciding, Mask, deciding, described, figures, ways
from platform_core.training.gates.verdicts import Figure, GateVerdict, Outcome
from platform_core.training.scoring import LoadedModel

NAME = "bias"


@dataclass(frozen=True)
class _Segment:
    name: str
    genuine: int
    rate: float
    rest: float
    difference: Interval

    @property
    def ratio(self) -> float:
        return self.rate / self.rest if self.rest else (1.0 if not self.rate else float("inf"))

    def unfair(self, limits: BiasLimits) -> bool:
        return self.difference.low > limits.max_difference and self.ratio > limits.max_ratio

    def open(self, limits: BiasLimits) -> bool:
        """Whether it may be unfair, for all that these payments tell."""
        within = self.difference.high <= limits.max_difference
        similar = self.difference.low > limits.max_difference and self.ratio <= limits.max_ratio
        return not (within or similar or self.unfair(limits))


class Bias:
    name = NAME
    summary = "genuine payments of no segment are declined much more often than the others"

    def judge(self, case: Case) -> GateVerdict:
        rows, limits = case.evidence.held_out(), case.policy.bias
        too_few = not_enough(rows, case.policy.held_out)
        if too_few is not None:
            return too_few.model_copy(update={"gate": self.name})
        model = case.candidate
        score = model.score(rows.matrix(model))
        parts = deciding(rows, case.evidence.thresholds())
        chosen = [[parts[number] for number in way] for way in ways(parts)]
        verdicts = [_judged(rows, _declined(way, model, score), limits) for way in chosen]
        found = max(
            verdicts, key=lambda one: (_GRAVITY[one.outcome], float(one.figures.get("worst_difference_low") or 0))
        )
        # the thresholds of the way that was the worst, which is all of them where there is one way
        way = chosen[verdicts.index(found)]
        return found.model_copy(
            update={
                "said": f"{found.said}, {described(way, model)}",
                "figures": {**found.figures, **figures(way, model)},
            }
        )


_GRAVITY: dict[Outcome, int] = {"passed": 0, "could_not_be_judged": 1, "failed": 2}


def _declined(way: Sequence[Deciding], model: LoadedModel, score: Floats) -> Mask:
    return np.logical_or.reduce([part.declined(model, score) for part in way])


def _judged(rows: LabelledRows, declined: Mask, limits: BiasLimits) -> GateVerdict:
    segments, small = _segments(rows, declined, limits)
    if not segments:
        return GateVerdict(
            gate=NAME,
            outcome="could_not_be_judged",
            said=f"no segment has {limits.min_genuine} genuine payments: {', '.join(small) or 'none is known'}",
            limits={"min_genuine": limits.min_genuine},
        )
    unfair = [segment for segment in segments if segment.unfair(limits)]
    unclear = [segment for segment in segments if segment.open(limits)]
    unjudged = 1 - _judged_share(rows, small)
    worst = max(unfair or unclear or segments, key=lambda s: s.difference.low)
    found: dict[str, Figure] = {"segments": len(segments), "not_judged": ", ".join(small) or None}
    found |= {f"declined_genuine {s.name}": s.rate for s in segments}
    found |= {
        "worst": worst.name,
        "worst_difference": worst.difference.estimate,
        "worst_difference_low": worst.difference.low,
        "worst_difference_high": worst.difference.high,
        "worst_ratio": min(worst.ratio, 1e6),
        "unjudged_share": unjudged,
    }
    too_much = unjudged > limits.max_unjudged_share
    said = _said(unfair, worst, len(segments), small)
    if not unfair and unclear:
        names = ", ".join(segment.name for segment in unclear)
        said = f"too few payments to rule out that {names} is declined far more often: {said}"
    elif not unfair and too_much:
        said = f"{unjudged:.0%} of the payments are of segments that are too small to be judged: {said}"
    return GateVerdict(
        gate=NAME,
        outcome="failed" if unfair else "could_not_be_judged" if unclear or too_much else "passed",
        said=said,
        figures=found,
        limits={
            "worst_difference_low": limits.max_difference,
            "worst_difference_high": limits.max_difference,
            "unjudged_share": limits.max_unjudged_share,
            "worst_ratio": limits.max_ratio,
            "min_genuine": limits.min_genuine,
        },
    )


def _segments(rows: LabelledRows, declined: Mask, limits: BiasLimits) -> tuple[list[_Segment], list[str]]:
    """Those that can be judged, and the names of those that are too small."""
    genuine = rows.label == 0
    found: list[tuple[str, Mask]] = []
    small: list[str] = []
    for dimension, values in rows.segments.items():
        for value in np.unique(values):
            mine = genuine & (values == value)
            name, rest = f"{dimension}={value}", genuine & (values != value)
            enough = min(int(mine.sum()), int(rest.sum())) >= limits.min_genuine
            if enough:
                found.append((name, mine))
            else:
                small.append(f"{name} ({int(mine.sum())})")
    confidence = 1 - (1 - limits.confidence) / max(len(found), 1)
    return [_segment(name, mine, genuine & ~mine, declined, rows.weight, confidence) for name, mine in found], small


def _judged_share(rows: LabelledRows, small: list[str]) -> float:
    """Of the payments by weight, in the dimension where it is least."""
    names = {name.rsplit(" (", 1)[0] for name in small}
    shares = [
        float(rows.weight[[f"{dimension}={value}" not in names for value in values]].sum() / rows.weight.sum())
        for dimension, values in rows.segments.items()
    ]
    return min(shares, default=1.0)


def _segment(  # noqa: PLR0917 - a segment, the rest, and what is measured on both
    name: str, mine: Mask, rest: Mask, declined: Mask, weight: Floats, confidence: float
) -> _Segment:
    one, other = (_rate(declined[mask], weight[mask], confidence) for mask in (mine, rest))
    return _Segment(name, int(mine.sum()), one.estimate, other.estimate, rate_difference(one, other))


def _rate(declined: Mask, weight: Floats, confidence: float) -> Interval:
    return wilson(float(weight[declined].sum() / weight.sum()), effective_size(weight), confidence)


def _said(unfair: list[_Segment], worst: _Segment, judged: int, small: list[str]) -> str:
    left_out = f"; too small to be judged: {', '.join(small[:6])}" if small else ""
    rates = f"{worst.name} {worst.rate:.2%} of genuine payments declined, the others {worst.rest:.2%}"
    if unfair:
        names = ", ".join(segment.name for segment in unfair)
        return f"{names} declined far more often than the rest: {rates}{left_out}"
    return f"no segment of {judged} stands out; the furthest is {rates}{left_out}"


GATE = Bias()
