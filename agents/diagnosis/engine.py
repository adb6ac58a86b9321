"""From evidence to a ranked diagnosis, without a language model."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Literal

from agents.diagnosis.case import Case
from agents.diagnosis.causes import causes
from agents.diagnosis.sign import read
from agents.diagnosis.types import Diagnosis, Finding, Hypothesis
from agents.diagnosis.weighing import NONE_OF_THESE, VerdictCounts, Weighed, confidences, order, weigh
from agents.diagnosis.wording import say
from agents.evidence import Evidence
from platform_core.monitoring.alert import Alert

ENOUGH = 0.6
"""Below this confidence of the first there is no cause to act on."""
MARGIN = 0.2
"""Nor when the second is this close."""
RULED_OUT = 0.05
WORTH_RANKING = 0.005
MOST_RULED_OUT = 4
NOTABLE = 0.1
"""Nats: a finding lighter than this says nothing for or against."""
TELLING = 0.5
"""Nats: a finding that would make somebody think of a cause."""


def diagnose(
    alerts: Sequence[Alert], evidence: Sequence[Evidence], *, priors: Mapping[str, VerdictCounts] | None = None
) -> Diagnosis:
    """Weigh `evidence` for every cause of the catalogue.

    `priors` are counts of engineers' verdicts by cause id. The verdict is `inconclusive` when the first is not
    confident or not clearly ahead, or when none of the catalogue explains it; `no_fault` when the first cause is an
    expected change; `cause` otherwise.
    """
    found = [_diagnose(case, priors or {}) for case in Case.of(alerts, evidence).by_source()]
    _, best = max(found, key=lambda pair: (pair[1].verdict != "inconclusive", pair[0]))
    also = [d.top.title for _, d in found if d is not best and d.verdict != "inconclusive" and d.top is not None]
    return best.model_copy(update={"look_next": (*best.look_next, *(f"a second trouble: {title}" for title in also))})


def _diagnose(case: Case, priors: Mapping[str, VerdictCounts]) -> tuple[float, Diagnosis]:
    """The diagnosis of the evidence about one source, and the score of its first cause."""
    weighed = order([weigh(cause, case, priors.get(cause.id)) for cause in causes().values()])
    shares = confidences({w.cause.id: w.score for w in weighed})
    hypotheses = [_hypothesis(w, shares[w.cause.id], case) for w in weighed]
    top, others = hypotheses[0], hypotheses[1:]
    runner_up = max(others[0].confidence, shares[NONE_OF_THESE])
    verdict: Literal["cause", "no_fault", "inconclusive"] = "inconclusive"
    if top.confidence >= ENOUGH and top.confidence - runner_up >= MARGIN and top.supporting:
        verdict = weighed[0].cause.verdict
    # what nothing speaks for is not a suspect: it was never looked at, or looked at in vain
    ranked = [h for h in hypotheses if h.supporting and (h is top or not _out(h)) and h.confidence >= WORTH_RANKING]
    ruled_out = [h for h in others if _out(h) and _plausible(h, case)][:MOST_RULED_OUT]
    diagnosis = Diagnosis(
        verdict=verdict,
        ranked=tuple(ranked),
        ruled_out=tuple(ruled_out),
        look_next=_look_next(weighed, case) if verdict == "inconclusive" else (),
    )
    return weighed[0].score, diagnosis


def _out(hypothesis: Hypothesis) -> bool:
    return hypothesis.confidence < RULED_OUT and bool(hypothesis.refuting)


def _plausible(hypothesis: Hypothesis, case: Case) -> bool:
    """Whether anybody would have thought of it: it raises such alerts, or something real speaks for it."""
    pages = causes()[hypothesis.cause].pages & {alert.kind for alert in case.alerts}
    return bool(pages) or any(f.weight > TELLING for f in hypothesis.supporting)


def _hypothesis(weighed: Weighed, confidence: float, case: Case) -> Hypothesis:
    facts = weighed.cause.facts(case)
    return Hypothesis(
        cause=weighed.cause.id,
        title=say(weighed.cause.title, facts),
        confidence=round(confidence, 4),
        supporting=_heaviest(f for f in weighed.findings if f.weight > NOTABLE),
        refuting=_heaviest(f for f in weighed.findings if f.weight < -NOTABLE),
        not_checked=weighed.not_checked,
        facts=facts,
    )


def _heaviest(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    return tuple(sorted(findings, key=lambda f: -abs(f.weight)))


def _look_next(weighed: Sequence[Weighed], case: Case) -> tuple[str, ...]:
    """What would separate the two best: signs that could not be told and differ between them, then their own advice."""
    first, second = weighed[0].cause, weighed[1].cause
    weights = [{i.sign.name: i.when_seen - i.when_absent for i in cause.indicators} for cause in (first, second)]
    signs = {i.sign.name: i.sign for cause in (first, second) for i in cause.indicators}
    untold: list[tuple[float, str]] = []
    for name, sign in signs.items():
        reading = read(sign, case)
        if reading is None or reading.holds is None:
            gap = abs(weights[0].get(name, 0.0) - weights[1].get(name, 0.0))
            untold.append((gap, f"run {sign.tool}: it would tell {first.id} from {second.id} ({name})"))
    best = [text for gap, text in sorted(untold, reverse=True) if gap > 1][:3]
    failed = [] if weighed[0].findings else [f"probe again: {gap}" for gap in weighed[0].not_checked[:3]]
    return (*failed, *best, *dict.fromkeys((first.look_next, second.look_next)))
