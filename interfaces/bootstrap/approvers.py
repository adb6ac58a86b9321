"""Who may approve a proposal, by name: from the policy and the people it lets, as both are just now."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from foundation.errors import VigiaError
from guardrails.policy.policy import PolicySource
from guardrails.proposal import ActionProposal
from platform_core.access.principals import Principal

MOST_NAMES = 3


def who_may(policy: PolicySource, people: Iterable[Principal]) -> Callable[[ActionProposal], str]:
    """For the card: `Alice, Bruno or Carla`. A directory that cannot be read just now is said, and hides no card."""

    def say(proposal: ActionProposal) -> str:
        try:
            rules = policy.current()
            names = sorted(p.name for p in people if rules.may_decide(p, proposal).allowed)
        except VigiaError:
            return "people who cannot be read just now"
        if not names:
            return "nobody: no person that is known may approve this"
        if len(names) > MOST_NAMES:
            return f"{', '.join(names[:MOST_NAMES])} and {len(names) - MOST_NAMES} more"
        return " or ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)

    return say
