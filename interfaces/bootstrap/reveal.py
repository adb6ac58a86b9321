"""Who may learn what a pseudonym stands for, and how."""

from __future__ import annotations

from foundation.clock import Clock
from guardrails.policy.policy import Policy, PolicySource
from guardrails.policy.types import PolicyQuestion
from guardrails.redaction.reveal import RevealDesk, Revealed
from interfaces.bootstrap.foundations import Foundations, open_foundations
from interfaces.bootstrap.governance import make_policy
from interfaces.bootstrap.redaction import open_vault, redactor
from interfaces.principals import open_directory
from interfaces.settings import Settings
from platform_core.access.principals import Principal

TOOL = "reveal_pseudonym"
"""What a policy's rule names to refuse reveals, as a tool of tier `read`."""


def reveal_desk(base: Foundations, policy: PolicySource) -> RevealDesk:
    """One for a process: its vault is opened here, once."""
    settings = base.settings
    return RevealDesk(
        open_vault(settings),
        base.audit,
        redact=redactor(settings).redact,
        roles=settings.redaction.reveal_roles,
        permits=lambda principal: refused_by(policy.current(), principal, base.clock),
    )


def reveal(settings: Settings, pseudonym: str, *, api_key: str, reason: str) -> Revealed:
    """Raises Unauthenticated, Forbidden, NotFound, InvalidInput, Unavailable."""
    base = open_foundations(settings)
    principal = open_directory(settings.principals_file, settings.environment).by_api_key(api_key)
    return reveal_desk(base, make_policy(settings)).reveal(pseudonym, principal, reason)


def refused_by(policy: Policy, principal: Principal, clock: Clock) -> str | None:
    """Why the policy refuses it; None when it does not."""
    question = PolicyQuestion(
        tool=TOOL,
        tier="read",
        environment="production",
        tenant=None,
        requester_roles=principal.roles_in(None),
        at=clock.now(),
    )
    verdict = policy.judge(question)
    return None if verdict.effect == "allow" else f"the policy's rule {verdict.rule} refuses it: {verdict.reason}"
