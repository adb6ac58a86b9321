"""What a gate says of a model version, and all of them together."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Literal

from pydantic import Field

from foundation.frozen import Frozen
from platform_core.training.types import Stage

Outcome = Literal["passed", "failed", "could_not_be_judged"]
"""`could_not_be_judged`: there was not enough to tell. It lets nothing through, as a failure does, but asks for other
remedies: more data, not another model."""

Figure = float | int | bool | str | None


class GateVerdict(Frozen):
    """`figures` is what was found and `limits` what it was held against, by the same names where they belong together;
    `said` is one sentence for people."""

    gate: str
    outcome: Outcome
    said: str
    figures: dict[str, Figure] = Field(default_factory=dict[str, Figure])
    limits: dict[str, Figure] = Field(default_factory=dict[str, Figure])


class PromotionReview(Frozen):
    """All verdicts on one version for one stage, and what they are about: the files, the policy and the champion that
    they were judged by. When one of these is another, the review says nothing any more."""

    id: str
    name: str
    version: str
    to_stage: Stage
    verdicts: tuple[GateVerdict, ...]
    artifact_digest: str
    """Over the digests of the version's files, as registered."""

    policy_digest: str
    champion: str | None
    """The version in production that it was compared with; None where there was none."""

    thresholds: dict[str, float] = Field(default_factory=dict[str, float])
    """By which the endpoints that serve the model declined then, by their names."""

    judged_by: str
    judged_at: datetime

    @property
    def outcome(self) -> Outcome:
        return worst(verdict.outcome for verdict in self.verdicts)

    @property
    def passed(self) -> bool:
        """A review without verdicts has shown nothing."""
        return bool(self.verdicts) and self.outcome == "passed"

    def objections(self) -> list[str]:
        """One line for each gate that is not passed."""
        return [f"{v.gate} {v.outcome.replace('_', ' ')}: {v.said}" for v in self.verdicts if v.outcome != "passed"]


def worst(outcomes: Iterable[Outcome]) -> Outcome:
    found = set(outcomes)
    if "failed" in found:
        return "failed"
    return "could_not_be_judged" if "could_not_be_judged" in found or not found else "passed"
