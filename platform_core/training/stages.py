"""The stages of a model version as a state machine: which moves there are, and which of them have to be earned.

    dev --gates--> staging --gates and an approved action--> production
    staging --> dev            taken back, by anybody who may promote
    production --> staging     replaced by another version, or taken out by an approved action

A move up needs a `PromotionReview` that passed (`platform_core.training.gates`); a move down needs none, since nobody
should have to prove anything to stop using a model. Whatever leaves production is in staging and can be put back.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from foundation.errors import Conflict
from platform_core.training.types import Stage

TRANSITIONS: Mapping[Stage, tuple[Stage, ...]] = MappingProxyType(
    {"dev": ("staging",), "staging": ("production", "dev"), "production": ("staging",)}
)

NEEDS_GATES: frozenset[tuple[Stage, Stage]] = frozenset({("dev", "staging"), ("staging", "production")})


def require_step(subject: str, was: Stage, becomes: Stage) -> None:
    """Raises Conflict when `subject` (for people: `fraud_score version 3`) cannot go from `was` to `becomes`."""
    if becomes not in TRANSITIONS[was]:
        raise Conflict(
            f"{subject} is in {was} and cannot go to {becomes}",
            hint=f"from {was} it can go to {' or '.join(TRANSITIONS[was])}",
        )


def require_climb(subject: str, was: Stage, target: Stage) -> None:
    """Raises Conflict unless `target` is the next stage up for something in `was`."""
    if (was, target) not in NEEDS_GATES:
        up = [becomes for before, becomes in NEEDS_GATES if before == was]
        raise Conflict(
            f"{subject} is in {was} and cannot be promoted to {target}",
            hint=f"from {was} it can be promoted to {up[0]}" if up else f"{was} is as far up as there is",
        )
