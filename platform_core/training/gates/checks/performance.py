"""Not worse than the champion, with confidence, on labelled payments that neither of them was trained on.

Non-inferiority: what has to be shown is that the candidate is not worse by more than a margin, so that too few payments
never pass for equality. Three measures, on the same payments drawn again and again (`intervals`): AUC, average
precision, and the cost of deciding as the endpoints that serve the model do (`thresholds`): both versions at the same
threshold, which is the endpoint's. The cost is that of all endpoints together; besides, no single endpoint may become
dearer by more than the margin for certain.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from platform_core.training.gates.intervals import Interval, Ranked, percentile, replicates
from platform_core.training.gates.policy import HeldOutLimits, PerformanceLimits
from platform_core.training.gates.port import Case, Floats, LabelledRows
from platform_core.training.gates.thresholds import Deciding, deciding, described, figures, ways
from platform_core.training.gates.verdicts import Figure, GateVerdict, Outcome, worst
from platform_core.training.retraining import declared
from platform_core.training.scoring import LoadedModel

NAME = "performance"


class Performance:
    name = NAME
    summary = "as good as the champion on newer labelled payments, with confidence"

    def judge(self, case: Case) -> GateVerdict:
        rows, limits = case.evidence.held_out(), case.policy.performance
        too_few = not_enough(rows, case.policy.held_out)
        if too_few is not None:
            return too_few
        if case.champion is None:
            return _alone(case.candidate, rows, limits, case.policy.held_out.seed)
        parts = deciding(rows, case.evidence.thresholds())
        return _compared(case.candidate, case.champion, rows, parts, limits, case.policy.held_out.seed)


def not_enough(rows: LabelledRows, limits: HeldOutLimits) -> GateVerdict | None:
    """The verdict when there are too few labelled payments to say anything; None when there are enough."""
    if len(rows) >= limits.min_rows and rows.frauds >= limits.min_frauds:
        return None
    return GateVerdict(
        gate=NAME,
        outcome="could_not_be_judged",
        said=f"{len(rows)} labelled payments with {rows.frauds} frauds since {rows.start:%Y-%m-%d %H:%M} UTC are too "
        "few; wait for chargebacks, or train on older data",
        figures={"rows": len(rows), "frauds": rows.frauds},
        limits={"rows": limits.min_rows, "frauds": limits.min_frauds},
    )


def _alone(model: LoadedModel, rows: LabelledRows, limits: PerformanceLimits, seed: int) -> GateVerdict:
    ranked = Ranked.of(model.score(rows.matrix(model)))
    positive, negative = rows.weight * rows.label, rows.weight * (1 - rows.label)
    auc, precision = ranked.auc_and_precision(positive, negative)
    drawn = replicates(rows.label, limits.replicates, seed)
    found = np.array([ranked.auc_and_precision(positive * n, negative * n)[0] for n in drawn])
    interval = percentile(auc, found, limits.confidence)
    outcome = _above(interval, limits.minimum_auc)
    return GateVerdict(
        gate=NAME,
        outcome=outcome,
        said=f"AUC {auc:.4f} [{interval.low:.4f}, {interval.high:.4f}] on {len(rows):,} newer payments; the first "
        f"version needs {limits.minimum_auc:g}",
        figures={**_counts(rows), "auc": auc, "auc_low": interval.low, "average_precision": precision},
        limits={"auc_low": limits.minimum_auc},
    )


def _compared(  # noqa: PLR0917 - two models, what they are compared on, and the limits
    candidate: LoadedModel,
    champion: LoadedModel,
    rows: LabelledRows,
    parts: Sequence[Deciding],
    limits: PerformanceLimits,
    seed: int,
) -> GateVerdict:
    models = (candidate, champion)
    scores = [model.score(rows.matrix(model)) for model in models]
    ranked = [Ranked.of(score) for score in scores]
    missed = missed_to_declined(candidate, limits)
    costs = [
        np.array([_cost(rows, part, score, model, missed) for part in parts])
        for score, model in zip(scores, models, strict=True)
    ]
    groups = [*ways(parts), *([number] for number in range(len(parts)))]
    positive, negative = rows.weight * rows.label, rows.weight * (1 - rows.label)
    found = np.array(
        [
            _differences(ranked, costs, groups, positive * n, negative * n, n)
            for n in replicates(rows.label, limits.replicates, seed)
        ]
    )
    whole = _differences(ranked, costs, groups, positive, negative, np.ones(len(rows)))
    auc, precision, *changes = (percentile(w, found[:, i], limits.confidence) for i, w in enumerate(whole))
    together, of_parts = changes[: -len(parts)], changes[-len(parts) :]
    cost = max(together, key=lambda one: one.high)
    measures = (("AUC", auc, limits.auc_margin), ("average precision", precision, limits.average_precision_margin))
    outcomes: dict[str, Outcome] = {name: _above(interval, -margin) for name, interval, margin in measures}
    outcomes["cost"] = _below(cost, limits.cost_margin)
    dearer = {f"cost at {p.name}": one for p, one in zip(parts, of_parts, strict=True) if one.low > limits.cost_margin}
    outcomes |= dict.fromkeys(dearer if len(parts) > 1 else (), "failed")
    values = [r.auc_and_precision(positive, negative) for r in ranked]
    said = _said(champion.version.version, len(rows), outcomes, auc, precision, cost)
    for name, one in dearer.items() if len(parts) > 1 else ():
        said += f", {name} {one.estimate:+.1%} [{one.low:+.1%}, {one.high:+.1%}]"
    return GateVerdict(
        gate=NAME,
        outcome=worst(outcomes.values()),
        said=f"{said}, {described(parts, candidate)}{_own(parts, champion)}",
        figures={
            **_counts(rows),
            "auc": values[0][0],
            "champion_auc": values[1][0],
            "average_precision": values[0][1],
            "champion_average_precision": values[1][1],
            "auc_difference": auc.estimate,
            "auc_difference_low": auc.low,
            "auc_difference_high": auc.high,
            "average_precision_difference": precision.estimate,
            "average_precision_difference_low": precision.low,
            "average_precision_difference_high": precision.high,
            "missed_to_declined": missed,
            **figures(parts, candidate),
            **figures(parts, champion, "champion_threshold"),
            "cost_change": cost.estimate,
            "cost_change_low": cost.low,
            "cost_change_high": cost.high,
            **{f"cost_change {part.name}": one.estimate for part, one in zip(parts, of_parts, strict=True)},
        },
        limits={
            "auc_difference_low": -limits.auc_margin,
            "average_precision_difference_low": -limits.average_precision_margin,
            "cost_change_high": limits.cost_margin,
        },
    )


def _differences(  # noqa: PLR0917 - the scores of both, and how often each row was drawn
    ranked: list[Ranked],
    costs: list[Floats],
    groups: list[list[int]],
    positive: Floats,
    negative: Floats,
    times: Floats,
) -> list[float]:
    """Of AUC, of average precision, and of the cost of each group of deciders as a share of the champion's: candidate
    against champion."""
    (auc, precision), (champion_auc, champion_precision) = (r.auc_and_precision(positive, negative) for r in ranked)
    of_parts = [of_one @ times for of_one in costs]
    changes = [_change(*(float(cost[group].sum()) for cost in of_parts)) for group in groups]
    return [auc - champion_auc, precision - champion_precision, *changes]


def _change(cost: float, champion: float) -> float:
    return (cost - champion) / champion if champion else (0.0 if not cost else 1.0)


def missed_to_declined(candidate: LoadedModel, limits: PerformanceLimits) -> float:
    """What a missed fraud costs by the plan that the candidate was trained by: its threshold was chosen for that. The
    policy's where it has no plan."""
    if not candidate.version.signature.plan:
        return limits.missed_to_declined
    costs = declared(candidate.version).costs
    return costs.missed / costs.declined


def _cost(rows: LabelledRows, part: Deciding, score: Floats, model: LoadedModel, missed: float) -> Floats:
    """What each payment costs that `part` decides, in genuine payments declined."""
    declined = part.declined(model, score)
    return rows.weight * np.where(rows.label == 1, missed * (part.rows & ~declined), 1.0 * declined)


def _own(parts: Sequence[Deciding], champion: LoadedModel) -> str:
    """The champion's threshold where that is not the same as the candidate's."""
    if all(part.threshold is not None for part in parts):
        return ""
    return f" (the champion from {champion.version.signature.decline_threshold:.4g})"


def _below(interval: Interval, limit: float) -> Outcome:
    """As `_above`, for what is better when it is less."""
    return _above(Interval(-interval.estimate, -interval.high, -interval.low), -limit)


def _above(interval: Interval, limit: float) -> Outcome:
    """Whether the interval lies above the limit, below it, or on both sides of it."""
    if interval.low >= limit:
        return "passed"
    return "failed" if interval.high < limit or interval.estimate < limit else "could_not_be_judged"


def _counts(rows: LabelledRows) -> dict[str, Figure]:
    return {"rows": len(rows), "frauds": rows.frauds, "from": rows.start.isoformat(), "to": rows.end.isoformat()}


def _said(  # noqa: PLR0917 - the three intervals, in the order they are read
    champion: str, rows: int, outcomes: dict[str, Outcome], auc: Interval, precision: Interval, cost: Interval
) -> str:
    worse = [name for name, outcome in outcomes.items() if outcome == "failed"]
    open_ones = [name for name, outcome in outcomes.items() if outcome == "could_not_be_judged"]
    head = (
        f"worse than version {champion} in {' and '.join(worse)}"
        if worse
        else f"too few payments to rule out a worse {' and '.join(open_ones)} than version {champion}'s"
        if open_ones
        else f"not worse than version {champion}"
    )
    return (
        f"{head} on {rows:,} newer payments: AUC {auc}, average precision {precision}, "
        f"cost {cost.estimate:+.1%} [{cost.low:+.1%}, {cost.high:+.1%}]"
    )


GATE = Performance()
