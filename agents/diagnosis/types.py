"""The outcome of weighing evidence."""

from __future__ import annotations

from typing import Any, Literal

from foundation.frozen import Frozen


class Finding(Frozen):
    """One sentence about one or more pieces of evidence, for or against a cause."""

    text: str
    evidence_ids: tuple[str, ...]
    weight: float
    """Weight of evidence in nats (log likelihood ratio, I. J. Good 1950); positive supports."""


class Hypothesis(Frozen):
    cause: str
    title: str
    """What broke, with names and figures, in one line."""

    confidence: float
    supporting: tuple[Finding, ...]
    refuting: tuple[Finding, ...]
    not_checked: tuple[str, ...]
    """What would have told, and why it could not be asked."""

    facts: dict[str, Any]
    """Typed values the proposal needs: the source, the deployment, the time it began."""


class Diagnosis(Frozen):
    """`verdict`: `cause` names one; `no_fault` an expected change; `inconclusive` not enough evidence."""

    verdict: Literal["cause", "no_fault", "inconclusive"]
    ranked: tuple[Hypothesis, ...]
    ruled_out: tuple[Hypothesis, ...]
    look_next: tuple[str, ...] = ()

    @property
    def top(self) -> Hypothesis | None:
        return self.ranked[0] if self.ranked else None
