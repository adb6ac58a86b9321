"""Who may approve a proposal, by name, and whether everybody may see it: from the policy and the people it lets, as
both are just now."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from agents.incident.card import IncidentCard
from agents.incident.seeing import without_proposal
from foundation.clock import Clock
from foundation.errors import VigiaError
from guardrails.approvals.service import ApprovalService
from guardrails.policy.policy import PolicySource
from guardrails.policy.types import PolicyQuestion
from guardrails.proposal import ActionProposal
from interfaces.bootstrap.governance import make_policy
from interfaces.settings import Settings
from platform_core.access.principals import Principal, Role

MOST_NAMES = 3
IN_A_CHANNEL: tuple[Role, ...] = ("viewer", "responder", "oncall", "approver", "admin")
"""Who reads along: everybody but the services that only call an endpoint."""


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


def fit_for_a_channel(
    settings: Settings, approvals: ApprovalService, clock: Clock
) -> Callable[[IncidentCard], IncidentCard]:
    """A card as a channel may have it, in which everybody reads everything: what is proposed only where policy lets
    every role see it, else a word that it waits. While the policy cannot be read, the latter."""

    def fit(card: IncidentCard) -> IncidentCard:
        asked = approvals.for_incident(card.incident_id)
        if all(seen_by_everybody(settings, request.proposal, clock) for request in asked):
            return card
        said = f"{card.status.replace('_', ' ')}; what is proposed is in the console, for those who may see it"
        return without_proposal(card).model_copy(update={"status_line": said})

    return fit


def seen_by_everybody(settings: Settings, proposal: ActionProposal, clock: Clock) -> bool:
    """Whether the policy lets people of every role see it."""
    try:
        policy = make_policy(settings)
    except VigiaError:
        return False
    question = PolicyQuestion.about(proposal, at=clock.now())
    return all(policy.may("see", "human:anybody", frozenset({role}), question).allowed for role in IN_A_CHANNEL)
