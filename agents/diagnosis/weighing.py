"""Weighing evidence: naive Bayes in log-odds over the catalogue of causes and the alternative that it is none."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from agents.diagnosis.case import Case
from agents.diagnosis.cause import Cause
from agents.diagnosis.sign import read
from agents.diagnosis.types import Finding

NONE_OF_THESE = "none_of_these"
NONE_PRIOR = 1.0
"""As frequent as any one cause of the catalogue: most incidents resemble an earlier one, some do not."""

UNEXPECTED_PAGE = math.log(0.05)
"""Added when none of the incident's alerts is of a kind that the cause raises: it happens, but rarely."""

VETO = math.log(1e-6)
"""Added when the sign that a cause requires is known not to hold."""

INDEPENDENCE = 0.75
"""Exponent on the likelihoods. Signs of one fault are not independent (a renamed column makes nulls, and nulls make the
job fail), so that their product overstates; tempering it keeps the confidence honest."""

HIGHEST = 0.985
"""No machine-made confidence is above this: what is not in the catalogue can still be the case."""


class VerdictCounts(Protocol):
    """How often engineers said that a cause was the right one when it was ranked first, and how often not."""

    @property
    def right(self) -> int: ...
    @property
    def wrong(self) -> int: ...


@dataclass(frozen=True)
class Weighed:
    """A cause with its findings and its score in nats."""

    cause: Cause
    findings: tuple[Finding, ...]
    not_checked: tuple[str, ...]
    score: float


def weigh(cause: Cause, case: Case, verdicts: VerdictCounts | None = None) -> Weighed:
    """Findings for and against `cause`, and their sum with its prior. Evidence that could not be had adds nothing."""
    findings: list[Finding] = []
    not_checked: list[str] = []
    for indicator in cause.indicators:
        reading = read(indicator.sign, case)
        if reading is None:
            continue
        if reading.holds is None:
            if reading.reason is not None:
                not_checked.append(reading.reason)
            continue
        weight = indicator.weight(reading.nats)
        findings.append(Finding(text=reading.text, evidence_ids=reading.evidence_ids, weight=round(weight, 3)))
    score = math.log(cause.prior) + learned(verdicts) + INDEPENDENCE * math.fsum(f.weight for f in findings)
    if not cause.pages & {alert.kind for alert in case.alerts}:
        score += UNEXPECTED_PAGE
    if cause.requires is not None and (required := read(cause.requires, case)) and required.holds is False:
        score += VETO
    return Weighed(cause=cause, findings=tuple(findings), not_checked=tuple(dict.fromkeys(not_checked)), score=score)


def learned(verdicts: VerdictCounts | None) -> float:
    """Nats that engineers' verdicts add to a prior: ln((right + 2) / (wrong + 2)), at most a factor of three.

    The two imagined verdicts on either side keep one angry click from hiding a cause.
    """
    if verdicts is None:
        return 0.0
    return max(-math.log(3), min(math.log(3), math.log((verdicts.right + 2) / (verdicts.wrong + 2))))


def confidences(scores: Mapping[str, float]) -> dict[str, float]:
    """Softmax over the scores and the alternative, capped at `HIGHEST`. Keys as given, and `none_of_these`."""
    everything = {**scores, NONE_OF_THESE: math.log(NONE_PRIOR)}
    highest = max(everything.values())
    parts = {key: math.exp(score - highest) for key, score in everything.items()}
    total = math.fsum(parts.values())
    return {key: min(part / total, HIGHEST) for key, part in parts.items()}


def order(weighed: Sequence[Weighed]) -> list[Weighed]:
    """Best first; equal scores by id, so that the same evidence always gives the same list."""
    return sorted(weighed, key=lambda w: (-w.score, w.cause.id))
